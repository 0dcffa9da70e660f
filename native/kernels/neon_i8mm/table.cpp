#include "kernels/lanes16/table.h"

#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_s8.h"
#include "kernels/lanes16/paged_fours.h"
#include "kernels/neon_i8mm/eights.h"
#include "kernels/neon_i8mm/fours.h"
#include "kernels/tiers.h"
#include "kernels/vectors_neon/vector.h"

namespace octavo::OCTAVO_TIER {

KernelTable table() {
  KernelTable table = neon::table();
  table.linear_s8 = lanes16::linear_s8<F32x16, ProductsOfEights>(product_integer);
  table.attention =
      lanes16::paged_attention<F32x16, lanes16::PagedFours<Fours>>(attend_polynomial, weigh_polynomial);
  table.peak.s8 = run_usmmla;
  table.peak.s8_macs = kPeakMacs;
  return table;
}

}  // namespace octavo::OCTAVO_TIER
