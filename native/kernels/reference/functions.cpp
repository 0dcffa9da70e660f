#include "kernels/reference/functions.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "kernels/exponential.h"

namespace octavo::reference {

namespace {

constexpr int kLanes = 16;

float sum_tree(std::array<float, kLanes>& lane) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l)
      lane[static_cast<std::size_t>(l)] += lane[static_cast<std::size_t>(l + width)];
  }
  return lane[0];
}

float gelu(float x) {
  const float a = std::fabs(x) * 0.70710678f;
  const float t = 1.0f / std::fma(0.3275911f, a, 1.0f);
  float p = 1.061405429f;
  for (const float c : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) p = std::fma(p, t, c);
  const float q = (p * t) * exponential(-(a * a));
  const float u = std::copysign(1.0f - q, x);
  const float h = 0.5f * x;
  return std::fma(h, u, h);
}

float gelu_tanh(float x) {
  const float w = std::fma(-0.071354816f, x * x, -1.5957691f);
  return x / (1.0f + exponential(x * w));
}

}  // namespace

float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return x > 0.0f ? x : 0.0f;
    case Activation::gelu: return gelu(x);
    case Activation::silu: return x / (1.0f + exponential(-x));
    case Activation::gelu_tanh: return gelu_tanh(x);
  }
  return x;
}

float sum16(const float* x, int n) {
  std::array<float, kLanes> lane{};
  for (int i = 0; i < n; ++i) lane[static_cast<std::size_t>(i % kLanes)] += x[i];
  return sum_tree(lane);
}

float dot16(const float* a, const float* b, int n) {
  std::array<float, kLanes> lane{};
  for (int i = 0; i < n; ++i) {
    float& sum = lane[static_cast<std::size_t>(i % kLanes)];
    sum = std::fma(a[i], b[i], sum);
  }
  return sum_tree(lane);
}

std::uint8_t to_u8(float scaled, int lower, int upper, int zero_point) {
  const float low = static_cast<float>(lower);
  const float high = static_cast<float>(upper);
  scaled = scaled > low ? scaled : low;
  scaled = scaled < high ? scaled : high;
  return static_cast<std::uint8_t>(static_cast<int>(std::nearbyint(scaled)) + zero_point);
}

void store_quantized(const QuantizedRows& rows, int row, int column, float value) {
  rows.values[row * rows.stride + column] = to_u8(value * rows.inverse[column], rows.least - rows.zero_point,
                                                  255 - rows.zero_point, rows.zero_point);
}

}  // namespace octavo::reference
