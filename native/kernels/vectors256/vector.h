#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/vectors256/vector_s32.h"

namespace octavo::OCTAVO_TIER {

/// Sixteen binary32 lanes in two registers. max and min return the second operand where one is NaN.
struct F32x16 {
  using Integers = S32x16;
  static constexpr int kLanes = 16;
  static constexpr float kLowest = -__builtin_inff();

  __m256 low, high;

  /// All bits set in the first `count` of eight lanes, counted from lane `from`.
  static __m256i first_lanes(int count, int from) {
    const __m256i lane = _mm256_add_epi32(_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32(from));
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
  }

  static F32x16 all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static F32x16 load(const float* x) { return {_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8)}; }
  static F32x16 load_first(const float* x, int count) {
    return {_mm256_maskload_ps(x, first_lanes(count, 0)), _mm256_maskload_ps(x + 8, first_lanes(count, 8))};
  }
  static F32x16 load_first_or(const float* x, int count, float other) {
    const F32x16 loaded = load_first(x, count);
    const __m256 filler = _mm256_set1_ps(other);
    return {_mm256_blendv_ps(filler, loaded.low, _mm256_castsi256_ps(first_lanes(count, 0))),
            _mm256_blendv_ps(filler, loaded.high, _mm256_castsi256_ps(first_lanes(count, 8)))};
  }
  static F32x16 load_s8(const std::int8_t* x, int count) {
    alignas(16) std::int8_t bytes[16] = {};
    __builtin_memcpy(bytes, x, static_cast<unsigned>(count));
    const __m128i packed = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(packed)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_unpackhi_epi64(packed, packed)))};
  }
  static F32x16 load_s32(const std::int32_t* x) {
    return from_s32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)),
                    _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + 8)));
  }
  static F32x16 load_s32(const std::int32_t* x, int count) {
    return from_s32(_mm256_maskload_epi32(x, first_lanes(count, 0)),
                    _mm256_maskload_epi32(x + 8, first_lanes(count, 8)));
  }
  static F32x16 from_s32(__m256i low, __m256i high) {
    return {_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)};
  }
  static F32x16 from_s32(S32x16 x) { return from_s32(x.low, x.high); }
  /// To the nearest integers, ties to even.
  S32x16 to_s32() const { return {_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high)}; }
  /// x in its first `count` lanes, +0 in the others.
  static F32x16 first(F32x16 x, int count) {
    return {_mm256_and_ps(x.low, _mm256_castsi256_ps(first_lanes(count, 0))),
            _mm256_and_ps(x.high, _mm256_castsi256_ps(first_lanes(count, 8)))};
  }

  /// x in the lanes whose bits are set, `other` elsewhere.
  static F32x16 where(unsigned bits, F32x16 x, float other) {
    const __m256i lower = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i upper = _mm256_slli_epi32(lower, 8);
    const __m256i all_bits = _mm256_set1_epi32(static_cast<int>(bits));
    const __m256i low_lanes = _mm256_cmpeq_epi32(_mm256_and_si256(all_bits, lower), lower);
    const __m256i high_lanes = _mm256_cmpeq_epi32(_mm256_and_si256(all_bits, upper), upper);
    const __m256 filler = _mm256_set1_ps(other);
    return {_mm256_blendv_ps(filler, x.low, _mm256_castsi256_ps(low_lanes)),
            _mm256_blendv_ps(filler, x.high, _mm256_castsi256_ps(high_lanes))};
  }

  void store(float* x) const {
    _mm256_storeu_ps(x, low);
    _mm256_storeu_ps(x + 8, high);
  }
  void store_first(float* x, int count) const {
    _mm256_maskstore_ps(x, first_lanes(count, 0), low);
    _mm256_maskstore_ps(x + 8, first_lanes(count, 8), high);
  }
  /// Rounds to integers, ties to even, and stores value + zero_point, at least 0, as u8; 255 where it is
  /// more.
  void store_u8(std::uint8_t* x, int count, int zero_point) const {
    const __m256i offset = _mm256_set1_epi32(zero_point);
    const __m256 largest = _mm256_set1_ps(static_cast<float>(255 - zero_point));
    const __m256i a = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(low, largest)), offset);
    const __m256i b = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_min_ps(high, largest)), offset);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    if (count == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(x), bytes);
    } else {
      alignas(16) std::uint8_t buffer[16];
      _mm_store_si128(reinterpret_cast<__m128i*>(buffer), bytes);
      __builtin_memcpy(x, buffer, static_cast<unsigned>(count));
    }
  }

  friend F32x16 operator+(F32x16 a, F32x16 b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
  }
  friend F32x16 operator-(F32x16 a, F32x16 b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
  }
  friend F32x16 operator*(F32x16 a, F32x16 b) {
    return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
  }
  friend F32x16 operator/(F32x16 a, F32x16 b) {
    return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
  }
  static F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static F32x16 fms(F32x16 a, F32x16 b, F32x16 c) {
    return {_mm256_fmsub_ps(a.low, b.low, c.low), _mm256_fmsub_ps(a.high, b.high, c.high)};
  }
  static F32x16 max(F32x16 a, F32x16 b) {
    return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
  }
  static F32x16 min(F32x16 a, F32x16 b) {
    return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
  }
  static F32x16 abs(F32x16 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
  }
  static F32x16 negate(F32x16 a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(a.low, sign), _mm256_xor_ps(a.high, sign)};
  }
  static F32x16 with_sign_of(F32x16 magnitude, F32x16 sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.low), _mm256_and_ps(bit, sign.low)),
            _mm256_or_ps(_mm256_andnot_ps(bit, magnitude.high), _mm256_and_ps(bit, sign.high))};
  }
  static F32x16 round(F32x16 a) {
    constexpr int kNearestEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(a.low, kNearestEven), _mm256_round_ps(a.high, kNearestEven)};
  }
  /// a · 2^n for integral n from -126 to 127.
  static F32x16 times_power_of_two(F32x16 a, F32x16 n) {
    const auto power = [](__m256 exponent) {
      const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
      return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
    };
    return {_mm256_mul_ps(a.low, power(n.low)), _mm256_mul_ps(a.high, power(n.high))};
  }
  static unsigned lanes_above(F32x16 a, F32x16 b) {
    const int lower = _mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_GT_OQ));
    const int upper = _mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_GT_OQ));
    return static_cast<unsigned>(lower) | static_cast<unsigned>(upper) << 8;
  }
  static float inverse_square_root(float x) {
    return _mm_cvtss_f32(_mm_div_ss(_mm_set_ss(1.0f), _mm_sqrt_ss(_mm_set_ss(x))));
  }

  float sum_tree() const {
    const __m256 eight = _mm256_add_ps(low, high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  using Four = __m128;
  /// sum_tree of each; the tree's steps for all four at once.
  static Four sum_trees(const F32x16 (&x)[4]) {
    const __m256 a = _mm256_add_ps(x[0].low, x[0].high);
    const __m256 b = _mm256_add_ps(x[1].low, x[1].high);
    const __m256 c = _mm256_add_ps(x[2].low, x[2].high);
    const __m256 d = _mm256_add_ps(x[3].low, x[3].high);
    const __m256 ac = _mm256_add_ps(_mm256_permute2f128_ps(a, c, 0x20), _mm256_permute2f128_ps(a, c, 0x31));
    const __m256 bd = _mm256_add_ps(_mm256_permute2f128_ps(b, d, 0x20), _mm256_permute2f128_ps(b, d, 0x31));
    // Four lanes each are left: of a and b in the lower half, of c and d in the upper.
    const __m256 pairs = _mm256_add_ps(_mm256_shuffle_ps(ac, bd, 0x44), _mm256_shuffle_ps(ac, bd, 0xee));
    const __m128 ab = _mm256_castps256_ps128(pairs);
    const __m128 cd = _mm256_extractf128_ps(pairs, 1);
    return _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd));
  }
  /// The largest lane of each; none may be NaN.
  static Four largest_of_each(const F32x16 (&x)[4]) {
    const __m256 a = _mm256_max_ps(x[0].low, x[0].high);
    const __m256 b = _mm256_max_ps(x[1].low, x[1].high);
    const __m256 c = _mm256_max_ps(x[2].low, x[2].high);
    const __m256 d = _mm256_max_ps(x[3].low, x[3].high);
    const __m256 ac = _mm256_max_ps(_mm256_permute2f128_ps(a, c, 0x20), _mm256_permute2f128_ps(a, c, 0x31));
    const __m256 bd = _mm256_max_ps(_mm256_permute2f128_ps(b, d, 0x20), _mm256_permute2f128_ps(b, d, 0x31));
    // Four lanes each are left: of a and b in the lower half, of c and d in the upper.
    const __m256 pairs = _mm256_max_ps(_mm256_shuffle_ps(ac, bd, 0x44), _mm256_shuffle_ps(ac, bd, 0xee));
    const __m128 ab = _mm256_castps256_ps128(pairs);
    const __m128 cd = _mm256_extractf128_ps(pairs, 1);
    return _mm_max_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd));
  }
  static F32x16 join(const Four (&x)[4]) {
    return {_mm256_insertf128_ps(_mm256_castps128_ps256(x[0]), x[1], 1),
            _mm256_insertf128_ps(_mm256_castps128_ps256(x[2]), x[3], 1)};
  }
  /// The first lane in every lane.
  F32x16 repeat_first() const {
    const __m256 repeated = _mm256_broadcastss_ps(_mm256_castps256_ps128(low));
    return {repeated, repeated};
  }
  float largest() const {
    const __m256 eight = _mm256_max_ps(low, high);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

}  // namespace octavo::OCTAVO_TIER
