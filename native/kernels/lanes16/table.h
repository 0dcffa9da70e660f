#pragma once

#include "kernels/lanes16/attention.h"
#include "kernels/lanes16/rows.h"

namespace octavo::lanes16 {

template <class V, class Bytes>
PagedAttention paged_attention(void (*attend_polynomial)(const AttendPolynomial&),
                               void (*weigh_polynomial)(const AttendPolynomial&, const HeadWeights&)) {
  return {.layout = page_layout<Bytes>,
          .keep = keep_rows<Bytes>,
          .attend = attend<V, Bytes>,
          .attend_polynomial = attend_polynomial,
          .weigh = weigh<V, Bytes>,
          .weigh_polynomial = weigh_polynomial};
}

/// A tier's table: its own products, attention and rows of integers, and the row kernels over its sixteen
/// lanes.
template <class V>
KernelTable table(const LinearF32& linear_f32, const LinearS8& linear_s8, void (*l1_norm)(const L1Norm&),
                  void (*embed_integer)(const EmbedInteger&), const PagedAttention& attention,
                  const PeakLoops& peak) {
  return {
      .linear_f32 = linear_f32,
      .linear_s8 = linear_s8,
      .quantize_rows = quantize_rows<V>,
      .quantize_static = quantize_static<V>,
      .layer_norm = layer_norm<V>,
      .rms_norm = rms_norm<V>,
      .ssru = ssru<V>,
      .embed_f32 = embed_f32<V>,
      .embed_s8 = embed_s8<V>,
      .l1_norm = l1_norm,
      .embed_integer = embed_integer,
      .dequantize = dequantize<V>,
      .attention = attention,
      .largest = largest<V>,
      .log_sum_exp = log_sum_exp<V>,
      .top_k = top_k<V>,
      .peak = peak,
  };
}

}  // namespace octavo::lanes16
