#include "kernels/logarithm.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace octavo {

float logarithm(float x) {
  constexpr std::uint32_t kSquareRootOfHalf = 0x3f3504f3;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::int32_t exponent = static_cast<std::int32_t>(bits - kSquareRootOfHalf) >> 23;
  const float f = std::bit_cast<float>(bits - (static_cast<std::uint32_t>(exponent) << 23)) - 1.0f;
  float p = 7.0376836292e-2f;
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                        -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f}) {
    p = std::fma(p, f, c);
  }
  const float z = f * f;
  const float e = static_cast<float>(exponent);
  float y = (p * f) * z;
  y = std::fma(e, -2.12194440e-4f, y);
  y = std::fma(-0.5f, z, y);
  return std::fma(e, 0.693359375f, f + y);
}

}  // namespace octavo
