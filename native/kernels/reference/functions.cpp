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

}  // namespace

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
