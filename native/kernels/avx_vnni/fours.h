#pragma once

#include "kernels/lanes16/sums_fours.h"
#include "kernels/vectors256/vector_s32.h"

namespace octavo::OCTAVO_TIER {

/// Products of fours by vpdpbusd on 256 bits: in its VEX form, or, where the source is compiled for
/// AVX512-VNNI with 256-bit vectors, in that one's.
struct Fours {
  using Integers = S32x16;
  static constexpr int kOffset = 0;
  static constexpr int kTileRows = 6;

  struct Bytes {
    __m256i low, high;

    static Bytes load(const void* bytes) {
      const auto* halves = static_cast<const __m256i*>(bytes);
      return {_mm256_load_si256(halves), _mm256_load_si256(halves + 1)};
    }
  };

  struct Four {
    __m256i v;

    static Four repeat(const void* bytes) {
      std::int32_t four;
      __builtin_memcpy(&four, bytes, sizeof four);
      return {_mm256_set1_epi32(four)};
    }
  };

  class Sums {
   public:
    Sums() = default;
    explicit Sums(S32x16 start) : low_(start.low), high_(start.high) {}

    [[gnu::always_inline]] void add(Four four, Bytes bytes) {
      low_ = dpbusd(low_, four.v, bytes.low);
      high_ = dpbusd(high_, four.v, bytes.high);
    }
    S32x16 total() const { return {low_, high_}; }
    /// They are used, for all the compiler knows.
    void keep() { __asm__ volatile("" : "+x"(low_), "+x"(high_)); }

   private:
    static __m256i dpbusd(__m256i sum, __m256i a, __m256i b) {
#if defined(__AVXVNNI__)
      return _mm256_dpbusd_avx_epi32(sum, a, b);
#else
      return _mm256_dpbusd_epi32(sum, a, b);
#endif
    }

    __m256i low_, high_;
  };
};

}  // namespace octavo::OCTAVO_TIER
