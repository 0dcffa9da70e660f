#pragma once

#include "kernels/lanes16/sums_fours.h"
#include "kernels/vectors_neon/fours_u8.h"

namespace octavo::OCTAVO_TIER {

/// Products of fours by umull, whose u16 are exact, and uadalp, which adds neighbours to u32: two sums a
/// lane.
struct Fours : FoursU8 {
  static constexpr int kTileRows = 3;

  class Sums {
   public:
    Sums() = default;
    explicit Sums(S32x16 start) {
      for (int i = 0; i < 4; ++i) {
        const uint32x4_t x = vreinterpretq_u32_s32(start.v[i]);
        pairs_[2 * i] = vzip1q_u32(x, vdupq_n_u32(0));
        pairs_[2 * i + 1] = vzip2q_u32(x, vdupq_n_u32(0));
      }
    }

    [[gnu::always_inline]] void add(Four four, Bytes bytes) {
      add(four.v, bytes.a, pairs_[0], pairs_[1]);
      add(four.v, bytes.b, pairs_[2], pairs_[3]);
      add(four.v, bytes.c, pairs_[4], pairs_[5]);
      add(four.v, bytes.d, pairs_[6], pairs_[7]);
    }
    S32x16 total() const {
      return S32x16::of(
          [&](int i) { return vreinterpretq_s32_u32(vpaddq_u32(pairs_[2 * i], pairs_[2 * i + 1])); });
    }
    /// They are used, for all the compiler knows.
    void keep() {
      for (uint32x4_t& pair : pairs_) __asm__ volatile("" : "+w"(pair));
    }

   private:
    static void add(uint8x16_t x, uint8x16_t y, uint32x4_t& low, uint32x4_t& high) {
      low = vpadalq_u16(low, vmull_u8(vget_low_u8(x), vget_low_u8(y)));
      high = vpadalq_u16(high, vmull_high_u8(x, y));
    }

    uint32x4_t pairs_[8];
  };
};

}  // namespace octavo::OCTAVO_TIER
