#include "kernels/exponential.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace octavo {

float exponential(float x) {
  x = x > -87.0f ? x : -87.0f;
  x = x < 88.0f ? x : 88.0f;
  const float n = std::nearbyint(x * 1.44269504f);
  const float r = std::fma(x, 1.44269504f, -n);
  float p = 1.3269519e-3f;
  for (const float c : {9.671291e-3f, 5.550711e-2f, 2.4022247e-1f, 6.93147e-1f, 1.0f}) p = std::fma(p, r, c);
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

}  // namespace octavo
