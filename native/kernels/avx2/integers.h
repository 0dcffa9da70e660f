#pragma once

#include <immintrin.h>

#include <cstdint>

namespace octavo::avx2 {

/// Sixteen int32 lanes in two registers.
struct S32x16 {
  static constexpr int kLanes = 16;
  /// One number for each of four vectors.
  using Four [[gnu::vector_size(16)]] = std::int32_t;

  __m256i low, high;

  static S32x16 all(std::int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static S32x16 load(const std::int32_t* x) {
    const auto* halves = reinterpret_cast<const __m256i*>(x);
    return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
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
  /// The first `count` lanes, clamped to 0..255.
  void store_u8(std::uint8_t* x, int count) const {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    if (count == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(x), bytes);
    } else {
      alignas(16) std::uint8_t buffer[16];
      _mm_store_si128(reinterpret_cast<__m128i*>(buffer), bytes);
      __builtin_memcpy(x, buffer, static_cast<unsigned>(count));
    }
  }

  friend S32x16 operator+(S32x16 a, S32x16 b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
  }
  friend S32x16 operator*(S32x16 a, S32x16 b) {
    return {_mm256_mullo_epi32(a.low, b.low), _mm256_mullo_epi32(a.high, b.high)};
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
  /// floor(a · b / 2^32).
  static S32x16 upper_product(S32x16 a, S32x16 b) {
    return {upper_product(a.low, b.low), upper_product(a.high, b.high)};
  }
  S32x16 logical_right(int count) const {
    return {_mm256_srli_epi32(low, count), _mm256_srli_epi32(high, count)};
  }
  /// Each lane shifted to the right by that of `counts`, zeros coming in.
  S32x16 logical_right(S32x16 counts) const {
    return {_mm256_srlv_epi32(low, counts.low), _mm256_srlv_epi32(high, counts.high)};
  }
  /// The same, signs coming in.
  S32x16 right(S32x16 counts) const {
    return {_mm256_srav_epi32(low, counts.low), _mm256_srav_epi32(high, counts.high)};
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

 private:
  static __m256i upper_product(__m256i a, __m256i b) {
    const __m256i even = _mm256_mul_epi32(a, b);
    const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    return _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  }

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

}  // namespace octavo::avx2
