#include "kernels/avx512_vnni/linear_f32.h"
#include "kernels/avx512_vnni/linear_s8.h"
#include "kernels/avx512_vnni/vector.h"
#include "kernels/lanes16/attention.h"
#include "kernels/lanes16/rows.h"
#include "kernels/tiers.h"

namespace octavo::avx512_vnni {

namespace {

constexpr KernelTable kTable{
    .name = "avx512_vnni",
    .linear_f32 = {.layout = kLayoutF32, .product = product_f32},
    .linear_s8 = {.layout = kLayoutS8, .product = product_s8, .accumulate = accumulate_s8},
    .quantize_rows = lanes16::quantize_rows<F32x16>,
    .layer_norm = lanes16::layer_norm<F32x16>,
    .embed_f32 = lanes16::embed_f32<F32x16>,
    .embed_s8 = lanes16::embed_s8<F32x16>,
    .attend = lanes16::attend<F32x16>,
    .log_sum_exp = lanes16::log_sum_exp<F32x16>,
    .top_k = lanes16::top_k<F32x16>,
};

}  // namespace

const KernelTable& table() { return kTable; }

}  // namespace octavo::avx512_vnni
