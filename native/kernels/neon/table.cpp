#include "kernels/lanes16/table.h"

#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_f32.h"
#include "kernels/lanes16/linear_s8.h"
#include "kernels/lanes16/paged_fours.h"
#include "kernels/lanes16/peak_fours.h"
#include "kernels/neon/fours.h"
#include "kernels/tiers.h"
#include "kernels/vectors_neon/vector.h"

namespace octavo::OCTAVO_TIER {

KernelTable table() {
  constexpr int kRowsF32 = 5;  // of four sums each: with six gcc finds no room for inputs and weights
  PeakLoops peak;
  lanes16::set_peak_of_fma<F32x16, kRowsF32>(peak);
  lanes16::set_peak_of_fours<Fours>(peak);
  return lanes16::table<F32x16>(
      {.layout = {.columns = F32x16::kLanes, .group = 1}, .product = lanes16::product_f32<F32x16, kRowsF32>},
      lanes16::linear_s8<F32x16, lanes16::ProductsOfFours<Fours>>(product_integer), l1_norm, embed_integer,
      lanes16::paged_attention<F32x16, lanes16::PagedFours<Fours>>(attend_polynomial, weigh_polynomial),
      peak);
}

}  // namespace octavo::OCTAVO_TIER
