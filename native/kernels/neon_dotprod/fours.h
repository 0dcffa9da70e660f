#pragma once

#include "kernels/lanes16/sums_fours.h"
#include "kernels/vectors_neon/fours_u8.h"

namespace octavo::OCTAVO_TIER {

/// Products of fours by udot.
struct Fours : FoursU8 {
  static constexpr int kTileRows = 6;

  class Sums {
   public:
    Sums() = default;
    explicit Sums(S32x16 start) {
      for (int i = 0; i < 4; ++i) lanes_[i] = vreinterpretq_u32_s32(start.v[i]);
    }

    [[gnu::always_inline]] void add(Four four, Bytes bytes) {
      lanes_[0] = vdotq_u32(lanes_[0], four.v, bytes.a);
      lanes_[1] = vdotq_u32(lanes_[1], four.v, bytes.b);
      lanes_[2] = vdotq_u32(lanes_[2], four.v, bytes.c);
      lanes_[3] = vdotq_u32(lanes_[3], four.v, bytes.d);
    }
    S32x16 total() const {
      return S32x16::of([&](int i) { return vreinterpretq_s32_u32(lanes_[i]); });
    }
    /// They are used, for all the compiler knows.
    void keep() {
      for (uint32x4_t& lanes : lanes_) __asm__ volatile("" : "+w"(lanes));
    }

   private:
    uint32x4_t lanes_[4];
  };
};

}  // namespace octavo::OCTAVO_TIER
