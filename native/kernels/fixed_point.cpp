#include "kernels/fixed_point.h"

#include <bit>

namespace octavo {

FixedPoint fixed(std::int64_t n) {
  const int exponent = std::bit_width(static_cast<std::uint64_t>(n)) - 31;
  if (exponent <= 0) return {static_cast<std::int32_t>(n << -exponent), exponent};
  const std::int64_t mantissa = rounded_shift(n, exponent);
  if (mantissa == std::int64_t{1} << 31) return {1 << 30, exponent + 1};
  return {static_cast<std::int32_t>(mantissa), exponent};
}

FixedPoint quotient(FixedPoint a, FixedPoint b) {
  const int k = a.mantissa < b.mantissa ? 31 : 30;
  const std::int64_t mantissa = ((std::int64_t{a.mantissa} << k) + b.mantissa / 2) / b.mantissa;
  return {static_cast<std::int32_t>(mantissa), a.exponent - b.exponent - k};
}

std::int64_t rounded_shift(std::int64_t p, int k) { return (p + (std::int64_t{1} << (k - 1))) >> k; }

}  // namespace octavo
