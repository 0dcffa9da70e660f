#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/cpu_features.h"
#include "base/errors.h"
#include "bindings/bindings.h"
#include "bindings/interpreter.h"
#include "kernels/peak.h"
#include "kernels/registry.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

void bind_kernels(nb::module_& module) {
  nb::exception<Error>(module, "NativeError", PyExc_ValueError);
  module.def("cpu_features", [] {
    std::vector<std::string> names;
    for (const CpuFeature& feature : cpu_features()) {
      if (feature.present) names.emplace_back(feature.name);
    }
    return names;
  });
  module.def("active_isa", [] { return std::string(active_kernels().name); });
  module.def("isas", [] {
    std::vector<std::pair<std::string, std::string>> tiers;
    for (const KernelTier& tier : kernel_tiers()) tiers.emplace_back(tier.name, tier.reason);
    return tiers;
  });
  module.def(
      "peak",
      [](const char* isa, int threads) {
        const CoreCall under_way;
        const WithoutLock released;
        const Peak peak = measure_peak(isa, threads);
        return std::make_pair(peak.f32, peak.s8);
      },
      "isa"_a, "threads"_a);
}

}  // namespace octavo
