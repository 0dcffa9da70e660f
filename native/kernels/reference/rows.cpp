#include <algorithm>
#include <cmath>

#include "kernels/exponential.h"
#include "kernels/logarithm.h"
#include "kernels/reference/functions.h"

namespace octavo::reference {

namespace {

constexpr float kSmallestMaximum = 1e-30f;

float largest_magnitude(const float* x, int n) {
  float largest = 0.0f;
  for (int i = 0; i < n; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  return largest;
}

std::uint8_t quantize(float x, float inverse) {
  float scaled = x * inverse;
  scaled = scaled > -127.0f ? scaled : -127.0f;
  scaled = scaled < 127.0f ? scaled : 127.0f;
  return static_cast<std::uint8_t>(static_cast<int>(std::nearbyint(scaled)) + 128);
}

}  // namespace

void quantize_rows(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                   std::ptrdiff_t output_stride, float* row_scale) {
  for (int row = 0; row < rows; ++row) {
    const float* values = x + row * stride;
    const float largest = largest_magnitude(values, n);
    const bool tiny = largest < kSmallestMaximum;
    row_scale[row] = tiny ? 0.0f : largest / 127.0f;
    const float inverse = tiny ? 0.0f : 127.0f / largest;
    for (int i = 0; i < n; ++i) output[row * output_stride + i] = quantize(values[i], inverse);
  }
}

void layer_norm(const float* x, int rows, int n, const float* weight, const float* bias, float epsilon,
                float* output) {
  const float count = static_cast<float>(n);
  for (int row = 0; row < rows; ++row, x += n, output += n) {
    const float mean = sum16(x, n) / count;
    for (int i = 0; i < n; ++i) output[i] = x[i] - mean;
    const float variance = dot16(output, output, n) / count;
    const float inverse = 1.0f / std::sqrt(variance + epsilon);
    for (int i = 0; i < n; ++i) output[i] = std::fma(output[i] * inverse, weight[i], bias[i]);
  }
}

void embed_f32(const float* row, const float* position, int n, float scale, float* output) {
  for (int i = 0; i < n; ++i) output[i] = std::fma(row[i], scale, position[i]);
}

void embed_s8(const std::int8_t* row, float row_scale, const float* position, int n, float scale,
              float* output) {
  for (int i = 0; i < n; ++i)
    output[i] = std::fma(static_cast<float>(row[i]) * row_scale, scale, position[i]);
}

float log_sum_exp(const float* x, int n) {
  float largest = x[0];
  for (int i = 1; i < n; ++i) largest = x[i] > largest ? x[i] : largest;
  float lane[16] = {};
  for (int i = 0; i < n; ++i) lane[i % 16] += exponential(x[i] - largest);
  return largest + logarithm(sum16(lane, 16));
}

int top_k(const float* x, int n, int k, ScoredToken* best) {
  int found = 0;
  for (int token = 0; token < n; ++token) {
    if (!(x[token] > -INFINITY)) continue;
    int place = found;
    while (place > 0 && x[token] > best[place - 1].logit) --place;
    if (place == k) continue;
    found = std::min(found + 1, k);
    for (int i = found - 1; i > place; --i) best[i] = best[i - 1];
    best[place] = {x[token], token};
  }
  return found;
}

}  // namespace octavo::reference
