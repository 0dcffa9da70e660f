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
    int8x16_t v[4];

    static Bytes load(const void* bytes) {
      const auto* x = static_cast<const std::int8_t*>(bytes);
      return {{vld1q_s8(x), vld1q_s8(x + 16), vld1q_s8(x + 32), vld1q_s8(x + 48)}};
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

    void add(Four four, const Bytes& bytes) {
      for (int i = 0; i < 4; ++i) lanes_.v[i] = vusdotq_s32(lanes_.v[i], four.v, bytes.v[i]);
    }
    S32x16 total() const { return lanes_; }

   private:
    S32x16 lanes_;
  };
};

}  // namespace octavo::OCTAVO_TIER
