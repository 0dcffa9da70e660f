#include "known_quantized.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "call.h"
#include "kernels/registry.h"

namespace octavo::testing {

/// A narrow range begins one byte above the full one, for NaN too.
void check_known_quantized() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr std::array x{
      -1e30f, -kInfinity, std::numeric_limits<float>::quiet_NaN(), -128.0f, -127.5f, -127.0f, -126.5f, 0.0f,
      127.4f, kInfinity};
  constexpr std::array<std::uint8_t, x.size()> full{0, 0, 0, 0, 0, 1, 2, 128, 255, 255};
  const std::vector<float> inverse(x.size(), 1.0f);
  for (const int least : {0, 1}) {
    std::array<std::uint8_t, x.size()> found{};
    reference_kernels().quantize_static(x.data(), x.size(), 1, static_cast<int>(x.size()),
                                        {.values = found.data(),
                                         .stride = static_cast<std::ptrdiff_t>(x.size()),
                                         .inverse = inverse.data(),
                                         .zero_point = 128,
                                         .least = least});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const int expected = std::max<int>(full[i], least);
      if (found[i] == expected) continue;
      throw Mismatch("byte " + std::to_string(i) + " of a range from " + std::to_string(least) + ": " +
                     std::to_string(found[i]) + ", not " + std::to_string(expected));
    }
  }
}

}  // namespace octavo::testing
