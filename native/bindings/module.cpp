#include <nanobind/nanobind.h>

#include "bindings/bindings.h"

namespace nb = nanobind;

NB_MODULE(_native, module) {
  module.doc() = "Octavo's native core. Use it through octavo.engine.";
  octavo::bind_kernels(module);
  octavo::bind_config(module);
  octavo::bind_engine(module);
}
