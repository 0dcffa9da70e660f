#pragma once

#include <memory>
#include <span>
#include <string>

#include "kernels/kernel_table.h"

namespace octavo {

/// A tier that is compiled in. Either this CPU can run it and there is a table, or `reason` says why not.
struct KernelTier {
  std::string name;
  std::unique_ptr<const KernelTable> table;
  std::string reason;
  /// The kernels of another tier in a form that this CPU runs too: for tests, and only when asked for.
  bool is_stand_in = false;

  bool available() const { return table != nullptr; }
};

/// Every tier compiled in, worst first; `reference` is always first.
std::span<const KernelTier> kernel_tiers();

/// The plain loops that every other tier equals bit for bit.
const KernelTable& reference_kernels();

/// The tier that the environment variable OCTAVO_ISA names, in any case, else the best available. Decided
/// once. Throws Error for an unknown or unavailable name.
const KernelTable& active_kernels();

/// The tier with this name, of all or of `tiers`. Throws Error when it is unknown or this CPU cannot run it.
const KernelTable& kernels_named(const std::string& name);
const KernelTable& kernels_named(const std::string& name, std::span<const KernelTier> tiers);

}  // namespace octavo
