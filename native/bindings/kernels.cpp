#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/cpu_features.h"
#include "base/errors.h"
#include "bindings/bindings.h"
#include "kernels/registry.h"

namespace nb = nanobind;

namespace octavo {

void bind_kernels(nb::module_& module) {
  nb::exception<Error>(module, "NativeError", PyExc_ValueError);
  module.def("cpu_features", [] { return CpuFeatures::detect().names(); });
  module.def("active_isa", [] { return std::string(active_kernels().name); });
  module.def("available_isas", [] {
    std::vector<std::string> names;
    for (const KernelTier& tier : kernel_tiers()) {
      if (tier.available) names.emplace_back(tier.table->name);
    }
    return names;
  });
}

}  // namespace octavo
