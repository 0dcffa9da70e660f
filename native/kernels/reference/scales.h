#pragma once

#include <cstdint>

namespace octavo::reference {

/// docs/numerics.md, "Scale Propagation": roundings and scales, in int64.

/// A scale or factor mantissa · 2^exponent, 2^30 <= mantissa < 2^31.
struct Scale {
  std::int64_t mantissa;
  int exponent;
};

/// (p + 2^(k-1)) >> k, 1 <= k <= 63, for |p| < 2^62.
std::int64_t shift(std::int64_t p, int k);
/// 1 <= n < 2^62.
Scale fixed(std::int64_t n);
Scale quotient(const Scale& a, const Scale& b);
/// x ⊗ factor, |x| < 2^31, factor < 2^30.
std::int64_t rescale(std::int64_t x, const Scale& factor);

}  // namespace octavo::reference
