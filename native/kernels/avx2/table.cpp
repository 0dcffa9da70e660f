#include "kernels/lanes16/table.h"
#include "kernels/avx2/paged_bytes.h"
#include "kernels/avx2/peak.h"
#include "kernels/avx2/sums_s8.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_f32.h"
#include "kernels/lanes16/linear_s8.h"
#include "kernels/tiers.h"
#include "kernels/vectors256/vector.h"

namespace octavo::avx2 {

KernelTable table() {
  constexpr int kRowsF32 = 6;  // of two sums each
  return lanes16::table<F32x16>(
      {.layout = {.columns = F32x16::kLanes, .group = 1}, .product = lanes16::product_f32<F32x16, kRowsF32>},
      lanes16::linear_s8<F32x16, Products>(product_integer), l1_norm, embed_integer,
      lanes16::paged_attention<F32x16, PagedBytes>(attend_polynomial, weigh_polynomial), peak_loops());
}

}  // namespace octavo::avx2
