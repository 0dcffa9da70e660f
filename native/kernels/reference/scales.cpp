#include "kernels/reference/scales.h"

#include <algorithm>
#include <bit>

namespace octavo::reference {

std::int64_t shift(std::int64_t p, int k) { return (p + (std::int64_t{1} << (k - 1))) >> k; }

Scale fixed(std::int64_t n) {
  const int exponent = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n))) - 31;
  if (exponent <= 0) return {n << -exponent, exponent};
  const std::int64_t mantissa = shift(n, exponent);
  if (mantissa == std::int64_t{1} << 31) return {mantissa / 2, exponent + 1};
  return {mantissa, exponent};
}

Scale quotient(const Scale& a, const Scale& b) {
  const int k = a.mantissa < b.mantissa ? 31 : 30;
  return {((a.mantissa << k) + b.mantissa / 2) / b.mantissa, a.exponent - b.exponent - k};
}

std::int64_t rescale(std::int64_t x, const Scale& factor) {
  return shift(x * factor.mantissa, std::min(-factor.exponent, 63));
}

}  // namespace octavo::reference
