#include <algorithm>
#include <cmath>
#include <vector>

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

}  // namespace

void quantize_rows(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                   std::ptrdiff_t output_stride, float* row_scale) {
  for (int row = 0; row < rows; ++row) {
    const float* values = x + row * stride;
    const float largest = largest_magnitude(values, n);
    const bool tiny = largest < kSmallestMaximum;
    row_scale[row] = tiny ? 0.0f : largest / 127.0f;
    const float inverse = tiny ? 0.0f : 127.0f / largest;
    for (int i = 0; i < n; ++i) {
      output[row * output_stride + i] = to_u8(values[i] * inverse, -127, 127, 128);
    }
  }
}

void quantize_static(const float* x, std::ptrdiff_t stride, int rows, int n, const QuantizedRows& output) {
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < n; ++i) store_quantized(output, row, i, x[row * stride + i]);
  }
}

void layer_norm(const float* x, int rows, int n, const float* weight, const float* bias, float epsilon,
                float* output, const QuantizedRows& quantized) {
  const float count = static_cast<float>(n);
  std::vector<float> centred(static_cast<std::size_t>(n));
  for (int row = 0; row < rows; ++row, x += n) {
    const float mean = sum16(x, n) / count;
    std::transform(x, x + n, centred.begin(), [&](float value) { return value - mean; });
    const float variance = dot16(centred.data(), centred.data(), n) / count;
    const float inverse = 1.0f / std::sqrt(variance + epsilon);
    for (int i = 0; i < n; ++i) {
      const float value = std::fma(centred[static_cast<std::size_t>(i)] * inverse, weight[i], bias[i]);
      if (output != nullptr) output[static_cast<std::ptrdiff_t>(row) * n + i] = value;
      if (quantized.values != nullptr) store_quantized(quantized, row, i, value);
    }
  }
}

void rms_norm(const float* x, int rows, int n, const float* weight, float epsilon, float* output,
              const QuantizedRows& quantized) {
  const float count = static_cast<float>(n);
  for (int row = 0; row < rows; ++row, x += n) {
    const float inverse = 1.0f / std::sqrt(dot16(x, x, n) / count + epsilon);
    for (int i = 0; i < n; ++i) {
      const float value = (x[i] * inverse) * weight[i];
      if (quantized.values != nullptr) store_quantized(quantized, row, i, value);
      if (output != nullptr) output[static_cast<std::ptrdiff_t>(row) * n + i] = value;
    }
  }
}

void ssru(const SsruStep& step) {
  for (std::ptrdiff_t row = 0; row < step.rows; ++row) {
    const float* candidate = step.candidate + row * step.width;
    const float* forget = step.forget + row * step.width;
    float* state = step.states[row];
    float* x = step.x + row * step.x_stride;
    for (int i = 0; i < step.width; ++i) {
      const float f = 1.0f / (1.0f + exponential(-forget[i]));
      state[i] = std::fma(f, state[i], (1.0f - f) * candidate[i]);
      x[i] += activate(Activation::relu, state[i]);
    }
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

float dequantize(const std::int32_t* x, int n, float inverse, float* output) {
  for (int i = 0; i < n; ++i) output[i] = static_cast<float>(x[i]) * inverse;
  return largest(output, n);
}

float largest(const float* x, int n) {
  float found = x[0];
  for (int i = 1; i < n; ++i) found = x[i] > found ? x[i] : found;
  return found;
}

float log_sum_exp(const float* x, int n, float largest) {
  float lane[16] = {};
  for (int i = 0; i < n; ++i) lane[i % 16] += exponential(x[i] - largest);
  return largest + logarithm(sum16(lane, 16));
}

int top_k(const float* x, int n, int first, int k, int found, ScoredToken* best) {
  for (int i = 0; i < n; ++i) {
    if (!(x[i] > -INFINITY)) continue;
    int place = found;
    while (place > 0 && x[i] > best[place - 1].logit) --place;
    if (place == k) continue;
    found = std::min(found + 1, k);
    for (int j = found - 1; j > place; --j) best[j] = best[j - 1];
    best[place] = {x[i], first + i};
  }
  return found;
}

}  // namespace octavo::reference
