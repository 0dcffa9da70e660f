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

    void add(Four four, const Bytes& bytes) {
      for (int i = 0; i < 4; ++i) lanes_[i] = vdotq_u32(lanes_[i], four.v, bytes.v[i]);
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
