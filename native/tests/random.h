#pragma once

#include <bit>
#include <cstdint>

namespace octavo::testing {

/// SplitMix64: the same numbers from a seed with every compiler and library.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  /// An integer from `low` to `high`, both included.
  int integer(int low, int high) {
    const auto span = static_cast<std::uint64_t>(static_cast<std::int64_t>(high) - low + 1);
    return static_cast<int>(low + static_cast<std::int64_t>(bits() % span));
  }

  bool chance() { return (bits() >> 63) != 0; }

  /// Uniform in [-1, 1).
  float unit() { return static_cast<float>(static_cast<std::int64_t>(bits()) >> 40) * 0x1p-23f; }

  /// Any finite float, all exponents equally likely: denormals and huge numbers included.
  float any_finite() {
    const auto word = static_cast<std::uint32_t>(bits());
    const std::uint32_t exponent = static_cast<std::uint32_t>(integer(0, 254)) << 23;
    return std::bit_cast<float>((word & 0x807fffffu) | exponent);
  }

 private:
  std::uint64_t state_;
};

}  // namespace octavo::testing
