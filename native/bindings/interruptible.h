#pragma once

#include <nanobind/nanobind.h>

#include "engine/engine.h"

namespace octavo {

/// Runs call(keep_going) without the interpreter's lock. Ctrl-C cancels it and becomes Python's exception.
template <class Call>
void interruptible(Call call) {
  try {
    const nanobind::gil_scoped_release release;
    call([] {
      const nanobind::gil_scoped_acquire acquire;
      return PyErr_CheckSignals() == 0;
    });
  } catch (const Cancelled&) {
    throw nanobind::python_error();
  }
}

}  // namespace octavo
