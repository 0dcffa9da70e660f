#include "kernels/reference/functions.h"
#include "kernels/tiers.h"

namespace octavo::reference {

KernelTable table() {
  return {
      .linear_f32 = {.layout = {.columns = 1, .group = 1}, .product = product_f32},
      .linear_s8 = {.layout = {.columns = 1, .group = 1},
                    .product = product_s8,
                    .accumulate = accumulate_s8,
                    .integer = product_integer},
      .quantize_rows = quantize_rows,
      .quantize_static = quantize_static,
      .layer_norm = layer_norm,
      .rms_norm = rms_norm,
      .ssru = ssru,
      .embed_f32 = embed_f32,
      .embed_s8 = embed_s8,
      .l1_norm = l1_norm,
      .embed_integer = embed_integer,
      .dequantize = dequantize,
      .attention = {.layout = page_layout,
                    .keep = keep_rows,
                    .attend = attend,
                    .attend_polynomial = attend_polynomial,
                    .weigh = weigh,
                    .weigh_polynomial = weigh_polynomial},
      .largest = largest,
      .log_sum_exp = log_sum_exp,
      .top_k = top_k,
      .peak = {},
  };
}

}  // namespace octavo::reference
