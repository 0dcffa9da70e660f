#pragma once

#include <cstdint>

namespace octavo {

/// mantissa · 2^exponent, 2^30 <= mantissa < 2^31: a scale or factor of docs/numerics.md, "Scale
/// Propagation". Its rules, in plain scalar code: one division per row, so one implementation serves every
/// tier.
struct FixedPoint {
  std::int32_t mantissa = 0;
  std::int32_t exponent = 0;
};

/// 1 <= n < 2^62.
FixedPoint fixed(std::int64_t n);

FixedPoint quotient(FixedPoint a, FixedPoint b);

/// p · 2^-k to nearest, ties up, 1 <= k <= 63; p + 2^(k-1) must fit.
std::int64_t rounded_shift(std::int64_t p, int k);

}  // namespace octavo
