#pragma once

#include "kernels/lanes16/sums_fours.h"
#include "kernels/vectors_neon/vector_s32.h"

namespace octavo::OCTAVO_TIER {

/// Products of fours by usdot, which takes u8 and s8 as they are.
struct Fours {
  using Integers = S32x16;
  static constexpr int kOffset = 0;
  static constexpr int kTileRows = 6;

  struct Bytes {
    int8x16_t a, b, c, d;  // not an array, which gcc would keep in memory

    static Bytes load(const void* bytes) {
      const auto* x = static_cast<const std::int8_t*>(bytes);
      return {vld1q_s8(x), vld1q_s8(x + 16), vld1q_s8(x + 32), vld1q_s8(x + 48)};
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

  class Sums {
   public:
    Sums() = default;
    explicit Sums(S32x16 start) : lanes_(start) {}

    [[gnu::always_inline]] void add(Four four, Bytes bytes) {
      lanes_.v[0] = vusdotq_s32(lanes_.v[0], four.v, bytes.a);
      lanes_.v[1] = vusdotq_s32(lanes_.v[1], four.v, bytes.b);
      lanes_.v[2] = vusdotq_s32(lanes_.v[2], four.v, bytes.c);
      lanes_.v[3] = vusdotq_s32(lanes_.v[3], four.v, bytes.d);
    }
    S32x16 total() const { return lanes_; }
    /// They are used, for all the compiler knows.
    void keep() {
      for (int32x4_t& lanes : lanes_.v) __asm__ volatile("" : "+w"(lanes));
    }

   private:
    S32x16 lanes_;
  };
};

}  // namespace octavo::OCTAVO_TIER
