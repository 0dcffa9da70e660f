#pragma once

#include <immintrin.h>

#include <cstdint>

namespace octavo::OCTAVO_TIER {

/// Sixteen int32 lanes in two registers; what leaves int32 wraps. Of memory `count` elements are touched, and
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

  __m256i low, high;

  /// All bits set in the first `count` of eight lanes, counted from lane `from`.
  static __m256i first_lanes(int count, int from) {
    const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(from));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
  }
  /// 32 bytes of x, whose first `count` are touched.
  template <class Element>
  static __m256i load_bytes(const Element* x, int count) {
    if (count == kLanes) {
      if constexpr (sizeof(Element) == 1) {
        return _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
      } else {
        return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
      }
    }
    alignas(32) unsigned char bytes[32] = {};
    __builtin_memcpy(bytes, x, static_cast<unsigned>(count) * sizeof(Element));
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes));
  }

  static S32x16 all(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static S32x16 load(const std::int32_t* x) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)),
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + 8))};
  }
  static S32x16 load(const std::int32_t* x, int count) {
    return {_mm256_maskload_epi32(x, first_lanes(count, 0)),
            _mm256_maskload_epi32(x + 8, first_lanes(count, 8))};
  }
  static S32x16 load_s16(const std::int16_t* x, int count) {
    const __m256i words = load_bytes(x, count);
    return {_mm256_cvtepi16_epi32(_mm256_castsi256_si128(words)),
            _mm256_cvtepi16_epi32(_mm256_extracti128_si256(words, 1))};
  }
  static S32x16 load_s8(const std::int8_t* x, int count) {
    const __m128i bytes = _mm256_castsi256_si128(load_bytes(x, count));
    return {_mm256_cvtepi8_epi32(bytes), _mm256_cvtepi8_epi32(_mm_unpackhi_epi64(bytes, bytes))};
  }
  /// x in its first `count` lanes, 0 in the others.
  static S32x16 first(S32x16 x, int count) {
    return {_mm256_and_si256(x.low, first_lanes(count, 0)), _mm256_and_si256(x.high, first_lanes(count, 8))};
  }

  /// x in the lanes whose bits are set, 0 elsewhere.
  static S32x16 where(unsigned bits, S32x16 x) {
    const __m256i lower = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i upper = _mm256_slli_epi32(lower, 8);
    const __m256i all_bits = _mm256_set1_epi32(static_cast<int>(bits));
    return {_mm256_and_si256(x.low, _mm256_cmpeq_epi32(_mm256_and_si256(all_bits, lower), lower)),
            _mm256_and_si256(x.high, _mm256_cmpeq_epi32(_mm256_and_si256(all_bits, upper), upper))};
  }

  void store(std::int32_t* x) const {
    auto* halves = reinterpret_cast<__m256i*>(x);
    _mm256_storeu_si256(halves, low);
    _mm256_storeu_si256(halves + 1, high);
  }
  void store(std::int32_t* x, int count) const {
    _mm256_maskstore_epi32(x, first_lanes(count, 0), low);
    _mm256_maskstore_epi32(x + 8, first_lanes(count, 8), high);
  }
  /// Saturated to int16.
  __m256i words() const { return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8); }
  /// Clamped to ±32767.
  void store_s16(std::int16_t* x, int count) const {
    const __m256i clamped = _mm256_max_epi16(words(), _mm256_set1_epi16(-32767));
    if (count == kLanes) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(x), clamped);
    } else {
      alignas(32) std::int16_t buffer[kLanes];
      _mm256_store_si256(reinterpret_cast<__m256i*>(buffer), clamped);
      __builtin_memcpy(x, buffer, static_cast<unsigned>(count) * sizeof buffer[0]);
    }
  }
  /// Clamped to 0..255.
  void store_u8(std::uint8_t* x, int count) const {
    const __m256i halves = words();
    const __m128i clamped =
        _mm_packus_epi16(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    if (count == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(x), clamped);
    } else {
      alignas(16) std::uint8_t buffer[kLanes];
      _mm_store_si128(reinterpret_cast<__m128i*>(buffer), clamped);
      __builtin_memcpy(x, buffer, static_cast<unsigned>(count));
    }
  }

  friend S32x16 operator+(S32x16 a, S32x16 b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
  }
  friend S32x16 operator-(S32x16 a, S32x16 b) {
    return {_mm256_sub_epi32(a.low, b.low), _mm256_sub_epi32(a.high, b.high)};
  }
  friend S32x16 operator*(S32x16 a, S32x16 b) {
    return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
  }
  friend S32x16 operator<<(S32x16 a, S32x16 b) {
    return {_mm256_sllv_epi32(a.low, b.low), _mm256_sllv_epi32(a.high, b.high)};
  }
  friend S32x16 operator>>(S32x16 a, S32x16 b) {
    return {_mm256_srav_epi32(a.low, b.low), _mm256_srav_epi32(a.high, b.high)};
  }
  static S32x16 max(S32x16 a, S32x16 b) {
    return {_mm256_max_epi32(a.low, b.low), _mm256_max_epi32(a.high, b.high)};
  }
  static S32x16 min(S32x16 a, S32x16 b) {
    return {_mm256_min_epi32(a.low, b.low), _mm256_min_epi32(a.high, b.high)};
  }
  /// shift(a · b, 15) of lanes from 0 to 32767.
  static S32x16 product15(S32x16 a, S32x16 b) {
    return {_mm256_mulhrs_epi16(a.low, b.low), _mm256_mulhrs_epi16(a.high, b.high)};
  }
  S32x16 logical_right(int count) const {
    return {_mm256_srli_epi32(low, count), _mm256_srli_epi32(high, count)};
  }
  /// Each lane shifted to the right by that of `counts`, zeros coming in.
  S32x16 logical_right(S32x16 counts) const {
    return {_mm256_srlv_epi32(low, counts.low), _mm256_srlv_epi32(high, counts.high)};
  }
  /// Lanes within int16 times 0 <= n < 2^15.
  S32x16 times_s16(int n) const {
    const __m256i factor = _mm256_set1_epi32(n);
    return {_mm256_madd_epi16(low, factor), _mm256_madd_epi16(high, factor)};
  }

  static __m256i upper_halves(__m256i a, __m256i b) {
    const __m256i even = _mm256_mul_epi32(a, b);
    const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  }
  /// (a · b) >> 32 of products in int64.
  static S32x16 upper_halves(S32x16 a, S32x16 b) {
    return {upper_halves(a.low, b.low), upper_halves(a.high, b.high)};
  }

  std::int32_t total() const {
    const __m256i eight = _mm256_add_epi32(low, high);
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
  }

  static Four sums(const S32x16 (&x)[4]) {
    return of_each(
        x, [](__m256i a, __m256i b) { return _mm256_add_epi32(a, b); },
        [](__m128i a, __m128i b) { return _mm_add_epi32(a, b); });
  }
  static Four largest_of_each(const S32x16 (&x)[4]) {
    return of_each(
        x, [](__m256i a, __m256i b) { return _mm256_max_epi32(a, b); },
        [](__m128i a, __m128i b) { return _mm_max_epi32(a, b); });
  }

  /// Σ |x| of lanes, in int64.
  class Magnitudes {
   public:
    void add(S32x16 x) {
      add(_mm256_abs_epi32(x.low));
      add(_mm256_abs_epi32(x.high));
    }
    std::int64_t total() const {
      alignas(32) std::int64_t sums[4];
      _mm256_store_si256(reinterpret_cast<__m256i*>(sums), _mm256_add_epi64(even_, odd_));
      return sums[0] + sums[1] + sums[2] + sums[3];
    }

   private:
    void add(__m256i magnitude) {
      even_ = _mm256_add_epi64(even_, _mm256_and_si256(magnitude, _mm256_set1_epi64x(0xffffffff)));
      odd_ = _mm256_add_epi64(odd_, _mm256_srli_epi64(magnitude, 32));
    }

    __m256i even_ = _mm256_setzero_si256();
    __m256i odd_ = _mm256_setzero_si256();
  };

 private:
  /// The lanes of each of four vectors taken together.
  template <class Wide, class Narrow>
  [[gnu::always_inline]] static Four of_each(const S32x16 (&x)[4], Wide wide, Narrow narrow) {
    const __m256i a = wide(x[0].low, x[0].high);
    const __m256i b = wide(x[1].low, x[1].high);
    const __m256i c = wide(x[2].low, x[2].high);
    const __m256i d = wide(x[3].low, x[3].high);
    const __m256i ab = wide(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    const __m256i cd = wide(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    // Two lanes of each are left, one in each half.
    const __m256i halves = wide(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    const __m128i numbers = narrow(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    return reinterpret_cast<Four>(numbers);
  }
};

}  // namespace octavo::OCTAVO_TIER
