#pragma once

#include "kernels/vectors_neon/vector_s32.h"

namespace octavo::OCTAVO_TIER {

/// Operands of products of fours where only u8 · u8 is to be had: bytes as value + 128.
struct FoursU8 {
  using Integers = S32x16;
  static constexpr int kOffset = 128;

  struct Bytes {
    uint8x16_t a, b, c, d;  // not an array, which gcc would keep in memory

    static Bytes load(const void* bytes) {
      const auto* x = static_cast<const std::uint8_t*>(bytes);
      const auto quarter = [&](int i) { return veorq_u8(vld1q_u8(x + 16 * i), vdupq_n_u8(0x80)); };
      return {quarter(0), quarter(1), quarter(2), quarter(3)};
    }
  };

  struct Four {
    uint8x16_t v;

    static Four repeat(const void* bytes) {
      std::uint32_t four;
      __builtin_memcpy(&four, bytes, sizeof four);
      return {vreinterpretq_u8_u32(vdupq_n_u32(four))};
    }
  };
};

}  // namespace octavo::OCTAVO_TIER
