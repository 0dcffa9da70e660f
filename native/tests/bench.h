#pragma once

#include "kernels/kernel_table.h"

namespace octavo::testing {

/// Prints what one call of each kernel takes, for the shapes of real models, and for products also GMAC/s and
/// the share of what this CPU can do with the tier's instructions, measured in the same run.
/// Paged attention, as one part of it.
void bench_attention(const KernelTable& kernels);
void bench_tier(const KernelTable& kernels);

}  // namespace octavo::testing
