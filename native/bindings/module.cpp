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

namespace {

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

/// Nanobind's table of instances grows with their number, and the process ends where it cannot grow: it gets
/// room for more than programs have at a time.
void reserve_instances(nb::module_& module) {
  constexpr int kInstances = 100;
  std::vector<nb::object> instances;
  for (int i = 0; i < kInstances; ++i) instances.push_back(module.attr("SearchOptions")());
}

}  // namespace

}  // namespace octavo

NB_MODULE(_native, module) {
  module.doc() = "Octavo's native core. Use it through octavo.engine.";
  octavo::prepare_for_exceptions();
  octavo::bind_interpreter(module);
  octavo::bind_kernels(module);
  octavo::bind_config(module);
  octavo::bind_engine(module);
  octavo::reserve_instances(module);
}
