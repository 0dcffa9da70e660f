#include <nanobind/nanobind.h>

#include "base/exceptions.h"
#include "bindings/bindings.h"
#include "bindings/interpreter.h"

namespace nb = nanobind;

NB_MODULE(_native, module) {
  module.doc() = "Octavo's native core. Use it through octavo.engine.";
  octavo::prepare_for_exceptions();
  octavo::bind_interpreter(module);
  octavo::bind_kernels(module);
  octavo::bind_config(module);
  octavo::bind_engine(module);
}
