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

    void add(Four four, const Bytes& bytes) {
      for (int i = 0; i < 4; ++i) {
        pairs_[2 * i] = vpadalq_u16(pairs_[2 * i], vmull_u8(vget_low_u8(four.v), vget_low_u8(bytes.v[i])));
        pairs_[2 * i + 1] = vpadalq_u16(pairs_[2 * i + 1], vmull_high_u8(four.v, bytes.v[i]));
      }
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
    uint32x4_t pairs_[8];
  };
};

}  // namespace octavo::OCTAVO_TIER
