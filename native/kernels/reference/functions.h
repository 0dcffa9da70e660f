#pragma once

#include "kernels/kernel_table.h"

namespace octavo::reference {

/// docs/numerics.md, "Functions" and "Reductions", in plain scalar code.
float activate(Activation activation, float x);
float sum16(const float* x, int n);
float dot16(const float* a, const float* b, int n);
/// `scaled` clamped to [lower, upper] (a NaN becomes `lower`), to the nearest integer, plus the zero point.
std::uint8_t to_u8(float scaled, int lower, int upper, int zero_point);
/// Static quantization of one value to its place in `rows`.
void store_quantized(const QuantizedRows& rows, int row, int column, float value);

void product_f32(const ProductF32& product);
void product_s8(const ProductS8& product);
void accumulate_s8(const ProductS8& product, std::int32_t* sums);
void product_integer(const IntegerProduct& product);
void quantize_rows(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                   std::ptrdiff_t output_stride, float* row_scale);
void quantize_static(const float* x, std::ptrdiff_t stride, int rows, int n, const QuantizedRows& output);
void layer_norm(const float* x, int rows, int n, const float* weight, const float* bias, float epsilon,
                float* output, const QuantizedRows& quantized);
void rms_norm(const float* x, int rows, int n, const float* weight, float epsilon, float* output,
              const QuantizedRows& quantized);
void ssru(const SsruStep& step);
void embed_f32(const float* row, const float* position, int n, float scale, float* output);
void embed_s8(const std::int8_t* row, float row_scale, const float* position, int n, float scale,
              float* output);
void l1_norm(const L1Norm& norm);
void embed_integer(const EmbedInteger& embedding);
float dequantize(const std::int32_t* x, int n, float inverse, float* output);
PageLayout page_layout(int heads, int head_dim, bool keys_u8, bool values_u8);
void keep_rows(const KeepRows& job);
void attend(const Attend& job);
void attend_polynomial(const AttendPolynomial& job);
void weigh(const Attend& job, const HeadWeights& target);
void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target);
float largest(const float* x, int n);
float log_sum_exp(const float* x, int n, float largest);
int top_k(const float* x, int n, int first, int k, int found, ScoredToken* best);

}  // namespace octavo::reference
