#pragma once

#include <immintrin.h>

#include <cstdint>

namespace octavo::OCTAVO_TIER {

/// Sixteen int32 lanes in one register; what leaves int32 wraps. Of memory `count` elements are touched, and
/// the other lanes are 0.
struct S32x16 {
  static constexpr int kLanes = 16;
  /// One number for each of four vectors.
  using Four [[gnu::vector_size(16)]] = std::int32_t;

  /// floor((high · 2^32 + low) / divisor), high < divisor < 2^31, low any 32 bits: a quotient of 32 bits, for
  /// which compilers would divide 64.
  [[gnu::always_inline]] static std::int32_t divide(std::int32_t high, std::int32_t low,
                                                    std::int32_t divisor) {
    std::int32_t rest = high;
    __asm__("divl %2" : "+a"(low), "+d"(rest) : "r"(divisor) : "cc");
    return low;
  }

  __m512i v;

  static __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1u << count) - 1u); }

  static S32x16 all(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
  static S32x16 load(const std::int32_t* x) { return {_mm512_loadu_si512(x)}; }
  static S32x16 load(const std::int32_t* x, int count) {
    return {_mm512_maskz_loadu_epi32(first_lanes(count), x)};
  }
  static S32x16 load_s16(const std::int16_t* x, int count) {
    return {_mm512_cvtepi16_epi32(_mm256_maskz_loadu_epi16(first_lanes(count), x))};
  }
  static S32x16 load_s8(const std::int8_t* x, int count) {
    return {_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first_lanes(count), x))};
  }
  /// x in its first `count` lanes, 0 in the others.
  static S32x16 first(S32x16 x, int count) { return {_mm512_maskz_mov_epi32(first_lanes(count), x.v)}; }

  /// x in the lanes whose bits are set, 0 elsewhere.
  static S32x16 where(unsigned bits, S32x16 x) {
    return {_mm512_maskz_mov_epi32(static_cast<__mmask16>(bits), x.v)};
  }

  void store(std::int32_t* x) const { _mm512_storeu_si512(x, v); }
  void store(std::int32_t* x, int count) const {
    if (count == kLanes) {
      _mm512_storeu_si512(x, v);
    } else {
      _mm512_mask_storeu_epi32(x, first_lanes(count), v);
    }
  }
  /// Clamped to ±32767.
  void store_s16(std::int16_t* x, int count) const {
    const __m256i clamped = _mm256_max_epi16(_mm512_cvtsepi32_epi16(v), _mm256_set1_epi16(-32767));
    if (count == kLanes) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(x), clamped);
    } else {
      _mm256_mask_storeu_epi16(x, first_lanes(count), clamped);
    }
  }
  /// Clamped to 0..255.
  void store_u8(std::uint8_t* x, int count) const {
    const __m128i clamped = _mm512_cvtusepi32_epi8(_mm512_max_epi32(v, _mm512_setzero_si512()));
    if (count == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(x), clamped);
    } else {
      _mm_mask_storeu_epi8(x, first_lanes(count), clamped);
    }
  }

  friend S32x16 operator+(S32x16 a, S32x16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
  friend S32x16 operator-(S32x16 a, S32x16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
  friend S32x16 operator*(S32x16 a, S32x16 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
  friend S32x16 operator<<(S32x16 a, S32x16 b) { return {_mm512_sllv_epi32(a.v, b.v)}; }
  friend S32x16 operator>>(S32x16 a, S32x16 b) { return {_mm512_srav_epi32(a.v, b.v)}; }
  static S32x16 max(S32x16 a, S32x16 b) { return {_mm512_max_epi32(a.v, b.v)}; }
  static S32x16 min(S32x16 a, S32x16 b) { return {_mm512_min_epi32(a.v, b.v)}; }
  /// shift(a · b, 15) of lanes from 0 to 32767.
  static S32x16 product15(S32x16 a, S32x16 b) { return {_mm512_mulhrs_epi16(a.v, b.v)}; }
  S32x16 logical_right(int count) const { return {_mm512_srli_epi32(v, static_cast<unsigned>(count))}; }
  /// Each lane shifted to the right by that of `counts`, zeros coming in.
  S32x16 logical_right(S32x16 counts) const { return {_mm512_srlv_epi32(v, counts.v)}; }
  /// Lanes within int16 times 0 <= n < 2^15.
  S32x16 times_s16(int n) const { return {_mm512_madd_epi16(v, _mm512_set1_epi32(n))}; }

  /// (a · b) >> 32 of products in int64.
  static S32x16 upper_halves(S32x16 a, S32x16 b) {
    const __m512i even = _mm512_mul_epi32(a.v, b.v);
    const __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(a.v, 32), _mm512_srli_epi64(b.v, 32));
    return {_mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB)};
  }

  std::int32_t total() const {
    const __m256i eight = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
  }

  static Four sums(const S32x16 (&x)[4]) {
    return of_each(
        x, [](__m512i a, __m512i b) { return _mm512_add_epi32(a, b); },
        [](__m128i a, __m128i b) { return _mm_add_epi32(a, b); });
  }
  static Four largest_of_each(const S32x16 (&x)[4]) {
    return of_each(
        x, [](__m512i a, __m512i b) { return _mm512_max_epi32(a, b); },
        [](__m128i a, __m128i b) { return _mm_max_epi32(a, b); });
  }

  /// Σ |x| of lanes, in int64.
  class Magnitudes {
   public:
    void add(S32x16 x) {
      const __m512i magnitude = _mm512_abs_epi32(x.v);
      even_ = _mm512_add_epi64(even_, _mm512_and_si512(magnitude, _mm512_set1_epi64(0xffffffff)));
      odd_ = _mm512_add_epi64(odd_, _mm512_srli_epi64(magnitude, 32));
    }
    std::int64_t total() const {
      alignas(64) std::int64_t sums[8];
      _mm512_store_si512(sums, _mm512_add_epi64(even_, odd_));
      std::int64_t total = 0;
      for (const std::int64_t sum : sums) total += sum;
      return total;
    }

   private:
    __m512i even_ = _mm512_setzero_si512();
    __m512i odd_ = _mm512_setzero_si512();
  };

 private:
  /// The lanes of each of four vectors taken together.
  template <class Wide, class Narrow>
  [[gnu::always_inline]] static Four of_each(const S32x16 (&x)[4], Wide wide, Narrow narrow) {
    const __m512i ab = wide(_mm512_unpacklo_epi32(x[0].v, x[1].v), _mm512_unpackhi_epi32(x[0].v, x[1].v));
    const __m512i cd = wide(_mm512_unpacklo_epi32(x[2].v, x[3].v), _mm512_unpackhi_epi32(x[2].v, x[3].v));
    // Four lanes of each are left, one in each quarter.
    const __m512i quarters = wide(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i lower = _mm512_castsi512_si256(quarters);
    const __m256i upper = _mm512_extracti32x8_epi32(quarters, 1);
    const __m128i numbers = narrow(narrow(_mm256_castsi256_si128(lower), _mm256_extracti128_si256(lower, 1)),
                                   narrow(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1)));
    return reinterpret_cast<Four>(numbers);
  }
};

}  // namespace octavo::OCTAVO_TIER
