#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"

// docs/numerics.md over a type V of sixteen binary32 lanes. Each ISA tier instantiates these with its own V,
// whose type makes the symbols the tier's own. Nothing here may call inline code from outside the tier: the
// linker could keep a copy built for a wider CPU.

namespace octavo::lanes16 {

template <class V>
inline V load(const float* x, int count) {
  return count == V::kLanes ? V::load(x) : V::load_first(x, count);
}

template <class V>
inline void store(V value, float* x, int count) {
  if (count == V::kLanes) {
    value.store(x);
  } else {
    value.store_first(x, count);
  }
}

template <class V>
[[gnu::always_inline]] inline V exponential(V x) {
  x = V::max(x, V::all(-87.0f));
  x = V::min(x, V::all(88.0f));
  const V n = V::round(x * V::all(1.44269504f));
  const V r = V::fms(x, V::all(1.44269504f), n);
  V p = V::all(1.3269519e-3f);
  p = V::fma(p, r, V::all(9.671291e-3f));
  p = V::fma(p, r, V::all(5.550711e-2f));
  p = V::fma(p, r, V::all(2.4022247e-1f));
  p = V::fma(p, r, V::all(6.93147e-1f));
  p = V::fma(p, r, V::all(1.0f));
  return V::times_power_of_two(p, n);
}

template <class V>
inline V gelu(V x) {
  const V a = V::abs(x) * V::all(0.70710678f);
  const V t = V::all(1.0f) / V::fma(V::all(0.3275911f), a, V::all(1.0f));
  V p = V::all(1.061405429f);
  p = V::fma(p, t, V::all(-1.453152027f));
  p = V::fma(p, t, V::all(1.421413741f));
  p = V::fma(p, t, V::all(-0.284496736f));
  p = V::fma(p, t, V::all(0.254829592f));
  const V q = (p * t) * exponential(V::negate(a * a));
  const V u = V::with_sign_of(V::all(1.0f) - q, x);
  const V h = V::all(0.5f) * x;
  return V::fma(h, u, h);
}

template <class V>
inline V gelu_tanh(V x) {
  const V w = V::fma(V::all(-0.071354816f), x * x, V::all(-1.5957691f));
  return x / (V::all(1.0f) + exponential(x * w));
}

template <class V>
inline V activate(Activation activation, V x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return V::max(x, V::all(0.0f));
    case Activation::gelu: return gelu(x);
    case Activation::silu: return x / (V::all(1.0f) + exponential(V::negate(x)));
    case Activation::gelu_tanh: return gelu_tanh(x);
  }
  return x;
}

/// The low end of range of value · inverse. NaN becomes it.
template <class V>
inline V lowest_level(const QuantizedRows& target) {
  return V::all(static_cast<float>(target.least - target.zero_point));
}

/// Static quantization of `count` lanes to a row and the columns from `column` on; `inverse` is that of these
/// columns.
template <class V>
inline void store_quantized(V value, V inverse, const QuantizedRows& target, std::ptrdiff_t row,
                            std::ptrdiff_t column, int count) {
  V::max(value * inverse, lowest_level<V>(target))
      .store_u8(target.values + row * target.stride + column, count, target.zero_point);
}

}  // namespace octavo::lanes16
