#include "kernels/reference/functions.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace octavo::reference {

namespace {

constexpr int kLanes = 16;

float sum_tree(std::array<float, kLanes>& lane) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) lane[static_cast<std::size_t>(l)] += lane[static_cast<std::size_t>(l + width)];
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

}  // namespace

float exponential(float x) {
  x = x > -87.0f ? x : -87.0f;
  x = x < 88.0f ? x : 88.0f;
  const float n = std::nearbyint(x * 1.44269504f);
  float r = std::fma(n, -0.693359375f, x);
  r = std::fma(n, 2.12194440e-4f, r);
  float p = 1.9875691500e-4f;
  for (const float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) {
    p = std::fma(p, r, c);
  }
  p = std::fma(p, r * r, r) + 1.0f;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return x > 0.0f ? x : 0.0f;
    case Activation::gelu: return gelu(x);
    case Activation::silu: return x / (1.0f + exponential(-x));
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

}  // namespace octavo::reference
