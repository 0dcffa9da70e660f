#include "kernels/registry.h"

#include <array>
#include <cstdlib>

#include "base/cpu_features.h"
#include "base/errors.h"
#include "kernels/tiers.h"

namespace octavo {

std::span<const KernelTier> kernel_tiers() {
  static const CpuFeatures& cpu = CpuFeatures::detect();
  static const std::array tiers{
      KernelTier{&reference::table(), true},
#if defined(OCTAVO_X86_64)
      KernelTier{&avx2::table(), cpu.avx2 && cpu.fma},
      KernelTier{&avx512_vnni::table(), cpu.avx2 && cpu.fma && cpu.avx512f && cpu.avx512bw && cpu.avx512dq &&
                                            cpu.avx512vl && cpu.avx512_vnni},
#endif
  };
  return tiers;
}

const KernelTable& kernels_named(const std::string& name) { return kernels_named(name, kernel_tiers()); }

const KernelTable& kernels_named(const std::string& name, std::span<const KernelTier> tiers) {
  std::string known;
  for (const KernelTier& tier : tiers) {
    if (name == tier.table->name) {
      if (tier.available) return *tier.table;
      throw Error("instruction set '" + name + "' is not available on this CPU; see `octavo doctor`");
    }
    known += known.empty() ? tier.table->name : std::string(", ") + tier.table->name;
  }
  throw Error("unknown instruction set '" + name + "'; known here: " + known);
}

const KernelTable& active_kernels() {
  static const KernelTable& chosen = []() -> const KernelTable& {
    if (const char* forced = std::getenv("OCTAVO_ISA"); forced != nullptr && *forced != '\0') {
      return kernels_named(forced);
    }
    const KernelTable* best = nullptr;
    for (const KernelTier& tier : kernel_tiers()) {
      if (tier.available) best = tier.table;
    }
    return *best;
  }();
  return chosen;
}

}  // namespace octavo
