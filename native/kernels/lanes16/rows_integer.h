#pragma once

#include "kernels/fixed_point.h"
#include "kernels/integer_kernels.h"
#include "kernels/lanes16/for_each_vector.h"
#include "kernels/lanes16/rescaling.h"

// docs/numerics.md, "Integer precision", over a type V of sixteen int32 lanes.

namespace octavo::lanes16 {

/// How x ⊗ (m, h) is done where h may be less than 1, f being 1/4 or more: as (x << left) ⊗ (m, shift).
struct LeftShifted {
  int left;
  int shift;
};

static inline LeftShifted left_shifted(int h) { return h < 1 ? LeftShifted{1 - h, 1} : LeftShifted{0, h}; }

/// The factor d · 2^10 / Σ |c| of a row of n, c = n · x - Σ x.
template <class V>
inline FixedPoint l1_factor(const std::int16_t* x, int n, V total) {
  constexpr int kFractionBits = 10;
  typename V::Magnitudes magnitudes;
  for_each_vector<V>(n, [&](int i, int count) {
    magnitudes.add(V::first(V::load_s16(x + i, count).times_s16(n) - total, count));
  });
  const std::int64_t deviation = magnitudes.total();
  return quotient(fixed(std::int64_t{n} << kFractionBits), fixed(deviation > 0 ? deviation : 1));
}

template <class V>
inline void l1_norm_row(const L1Norm& norm, const std::int16_t* x, std::uint8_t* output) {
  const int n = norm.n;
  V sums = V::all(0);
  for_each_vector<V>(n, [&](int i, int count) { sums = sums + V::load_s16(x + i, count); });
  const V total = V::all(sums.total());
  const FixedPoint factor = l1_factor(x, n, total);
  // The c sum to 0, so |c| <= Σ |c| / 2 and |c · f| <= n · 2^9 <= 2^23, give or take 2^-30 of it. With
  // f = m · 2^e >= 2^30 · 2^e and left = 33 + e, |c| << left <= 8 · |c · f|, so it fits. Σ |c| < n · n ·
  // 2^15, so f >= 2^-19 and h <= 17.
  const LeftShifted h = left_shifted(-factor.exponent - 32);
  const Rescaling<V> normalize(V::all(factor.mantissa), V::all(h.shift), 0);
  const V left = V::all(h.left);
  const RoundedShift<V> to_u8(norm.shift, 128);
  for_each_vector<V>(n, [&](int i, int count) {
    const V centred = V::load_s16(x + i, count).times_s16(n) - total;
    const V normal = normalize(centred << left);
    const V y = normal * V::load_s16(norm.gain + i, count) + V::load(norm.bias + i, count);
    to_u8(y).store_u8(output + i, count);
  });
}

template <class V>
void l1_norm(const L1Norm& norm) {
  for (std::ptrdiff_t row = 0; row < norm.rows; ++row) {
    l1_norm_row<V>(norm, norm.x + row * norm.n, norm.output + row * norm.output_stride);
  }
}

template <class V>
void embed_integer(const EmbedInteger& embedding) {
  const LeftShifted h = left_shifted(embedding.shift);
  const Rescaling<V> rescale(V::all(embedding.multiplier), V::all(h.shift), 0);
  const V left = V::all(h.left);
  for_each_vector<V>(embedding.n, [&](int i, int count) {
    const V value = rescale(V::load_s8(embedding.row + i, count) << left);
    (value + V::load_s16(embedding.position + i, count)).store_s16(embedding.output + i, count);
  });
}

}  // namespace octavo::lanes16
