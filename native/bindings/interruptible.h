#pragma once

#include <nanobind/nanobind.h>

#include "engine/engine.h"

namespace octavo {

/// False, with Python's exception set, when a signal handler raises or octavo.interrupt holds a wish to stop.
inline bool python_keeps_going() {
  if (PyErr_CheckSignals() != 0) return false;
  PyObject* module = PyImport_ImportModule("octavo.interrupt");
  PyObject* checked = module != nullptr ? PyObject_CallMethod(module, "check", nullptr) : nullptr;
  Py_XDECREF(checked);
  Py_XDECREF(module);
  return checked != nullptr;
}

/// Runs call(keep_going) without the interpreter's lock. Ctrl-C cancels it and becomes Python's exception.
template <class Call>
void interruptible(Call call) {
  try {
    const nanobind::gil_scoped_release release;
    call([] {
      const nanobind::gil_scoped_acquire acquire;
      return python_keeps_going();
    });
  } catch (const Cancelled&) {
    throw nanobind::python_error();
  }
}

}  // namespace octavo
