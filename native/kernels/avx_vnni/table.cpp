#include "kernels/lanes16/table.h"
#include "kernels/avx_vnni/fours.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_s8.h"
#include "kernels/lanes16/paged_fours.h"
#include "kernels/lanes16/peak_fours.h"
#include "kernels/tiers.h"
#include "kernels/vectors256/vector.h"

namespace octavo::OCTAVO_TIER {

KernelTable table() {
  KernelTable table = avx2::table();
  table.linear_s8 = lanes16::linear_s8<F32x16, lanes16::ProductsOfFours<Fours>>(product_integer);
  table.attention =
      lanes16::paged_attention<F32x16, lanes16::PagedFours<Fours>>(attend_polynomial, weigh_polynomial);
  lanes16::set_peak_of_fours<Fours>(table.peak);
  return table;
}

}  // namespace octavo::OCTAVO_TIER
