#pragma once

#include <immintrin.h>

#include <cstdint>

namespace octavo::avx2 {

/// Sixteen int32 lanes in two registers; what leaves int32 wraps. Of memory `count` elements are touched, and
/// the other lanes are 0.
struct S32x16 {
  static constexpr int kLanes = 16;

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
};

}  // namespace octavo::avx2
