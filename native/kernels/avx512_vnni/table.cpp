#include "kernels/lanes16/table.h"
#include "kernels/avx512_vnni/linear_f32.h"
#include "kernels/avx512_vnni/paged_bytes.h"
#include "kernels/avx512_vnni/peak.h"
#include "kernels/avx512_vnni/sums_s8.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_s8.h"
#include "kernels/tiers.h"
#include "kernels/vectors512/vector.h"

namespace octavo::avx512_vnni {

KernelTable table() {
  return lanes16::table<F32x16>(
      {.layout = kLayoutF32, .product = product_f32}, lanes16::linear_s8<F32x16, Products>(product_integer),
      l1_norm, embed_integer,
      lanes16::paged_attention<F32x16, PagedBytes>(attend_polynomial, weigh_polynomial), peak_loops());
}

}  // namespace octavo::avx512_vnni
