#pragma once

#include <span>
#include <string>

#include "kernels/kernel_table.h"

namespace octavo {

/// Every tier compiled in, worst first, and whether this CPU can run it.
std::span<const KernelTier> kernel_tiers();

/// The tier that the environment variable OCTAVO_ISA names, else the best available. Decided once.
/// Throws Error for an unknown or unavailable name.
const KernelTable& active_kernels();

/// The tier with this name, of all or of `tiers`. Throws Error when it is unknown or this CPU cannot run it.
const KernelTable& kernels_named(const std::string& name);
const KernelTable& kernels_named(const std::string& name, std::span<const KernelTier> tiers);

}  // namespace octavo
