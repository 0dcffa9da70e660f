#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/vectors512/vector_s32.h"

namespace octavo::OCTAVO_TIER {

/// Sixteen binary32 lanes in one register. max and min return the second operand where one is NaN.
struct F32x16 {
  using Integers = S32x16;
  static constexpr int kLanes = 16;
  static constexpr float kLowest = -__builtin_inff();

  __m512 v;

  static __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1u << count) - 1u); }

  static F32x16 all(float x) { return {_mm512_set1_ps(x)}; }
  static F32x16 load(const float* x) { return {_mm512_loadu_ps(x)}; }
  static F32x16 load_first(const float* x, int count) {
    return {_mm512_maskz_loadu_ps(first_lanes(count), x)};
  }
  static F32x16 load_first_or(const float* x, int count, float other) {
    return {_mm512_mask_loadu_ps(_mm512_set1_ps(other), first_lanes(count), x)};
  }
  static F32x16 load_s8(const std::int8_t* x, int count) {
    const __m128i bytes = _mm_maskz_loadu_epi8(first_lanes(count), x);
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))};
  }
  static F32x16 load_s32(const std::int32_t* x) { return from_s32(_mm512_loadu_si512(x)); }
  static F32x16 load_s32(const std::int32_t* x, int count) {
    return from_s32(_mm512_maskz_loadu_epi32(first_lanes(count), x));
  }
  static F32x16 from_s32(__m512i x) { return {_mm512_cvtepi32_ps(x)}; }
  static F32x16 from_s32(S32x16 x) { return from_s32(x.v); }
  /// To the nearest integers, ties to even.
  S32x16 to_s32() const { return {_mm512_cvtps_epi32(v)}; }
  /// x in its first `count` lanes, +0 in the others.
  static F32x16 first(F32x16 x, int count) { return {_mm512_maskz_mov_ps(first_lanes(count), x.v)}; }

  /// x in the lanes whose bits are set, `other` elsewhere.
  static F32x16 where(unsigned bits, F32x16 x, float other) {
    return {_mm512_mask_mov_ps(_mm512_set1_ps(other), static_cast<__mmask16>(bits), x.v)};
  }

  void store(float* x) const { _mm512_storeu_ps(x, v); }
  void store_first(float* x, int count) const { _mm512_mask_storeu_ps(x, first_lanes(count), v); }
  /// Rounds to integers, ties to even, and stores value + zero_point, at least 0, as u8; 255 where it is
  /// more.
  void store_u8(std::uint8_t* x, int count, int zero_point) const {
    const __m512i rounded = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(zero_point));
    // What does not fit an int32 is converted to 2^31, unsigned, which is more than 255 as well.
    const __m128i bytes = _mm512_cvtusepi32_epi8(rounded);
    if (count == kLanes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(x), bytes);
    } else {
      _mm_mask_storeu_epi8(x, first_lanes(count), bytes);
    }
  }

  friend F32x16 operator+(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
  friend F32x16 operator-(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
  friend F32x16 operator*(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
  friend F32x16 operator/(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
  static F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static F32x16 fms(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmsub_ps(a.v, b.v, c.v)}; }
  static F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
  static F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
  static F32x16 abs(F32x16 a) { return {_mm512_abs_ps(a.v)}; }
  static F32x16 negate(F32x16 a) { return {_mm512_xor_ps(a.v, _mm512_set1_ps(-0.0f))}; }
  static F32x16 with_sign_of(F32x16 magnitude, F32x16 sign) {
    const __m512 bit = _mm512_set1_ps(-0.0f);
    return {_mm512_or_ps(_mm512_andnot_ps(bit, magnitude.v), _mm512_and_ps(bit, sign.v))};
  }
  static F32x16 round(F32x16 a) {
    return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  /// a · 2^n for integral n from -126 to 127.
  static F32x16 times_power_of_two(F32x16 a, F32x16 n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  static unsigned lanes_above(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ); }
  static float inverse_square_root(float x) {
    return _mm_cvtss_f32(_mm_div_ss(_mm_set_ss(1.0f), _mm_sqrt_ss(_mm_set_ss(x))));
  }

  float sum_tree() const {
    const __m256 upper = _mm512_extractf32x8_ps(v, 1);
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), upper);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }
  using Four = __m128;
  /// sum_tree of each; the tree's steps for all four at once.
  static Four sum_trees(const F32x16 (&x)[4]) {
    const __m512 ab =
        _mm512_add_ps(_mm512_shuffle_f32x4(x[0].v, x[1].v, 0x44), _mm512_shuffle_f32x4(x[0].v, x[1].v, 0xee));
    const __m512 cd =
        _mm512_add_ps(_mm512_shuffle_f32x4(x[2].v, x[3].v, 0x44), _mm512_shuffle_f32x4(x[2].v, x[3].v, 0xee));
    const __m512 four = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    const __m512 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0xee));
    const __m512 one = _mm512_add_ps(two, _mm512_permute_ps(two, 0x55));
    // One sum at the start of each quarter.
    const __m512i starts = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(starts, one));
  }
  /// The largest lane of each; none may be NaN.
  static Four largest_of_each(const F32x16 (&x)[4]) {
    const __m512 ab =
        _mm512_max_ps(_mm512_shuffle_f32x4(x[0].v, x[1].v, 0x44), _mm512_shuffle_f32x4(x[0].v, x[1].v, 0xee));
    const __m512 cd =
        _mm512_max_ps(_mm512_shuffle_f32x4(x[2].v, x[3].v, 0x44), _mm512_shuffle_f32x4(x[2].v, x[3].v, 0xee));
    const __m512 four = _mm512_max_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    const __m512 two = _mm512_max_ps(four, _mm512_permute_ps(four, 0xee));
    const __m512 one = _mm512_max_ps(two, _mm512_permute_ps(two, 0x55));
    const __m512i starts = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(starts, one));
  }
  static F32x16 join(const Four (&x)[4]) {
    const __m256 lower = _mm256_insertf128_ps(_mm256_castps128_ps256(x[0]), x[1], 1);
    const __m256 upper = _mm256_insertf128_ps(_mm256_castps128_ps256(x[2]), x[3], 1);
    return {_mm512_insertf32x8(_mm512_castps256_ps512(lower), upper, 1)};
  }
  /// The first lane in every lane.
  F32x16 repeat_first() const { return {_mm512_broadcastss_ps(_mm512_castps512_ps128(v))}; }
  // Not _mm512_reduce_max_ps, whose order, and so whose NaN, each compiler chooses.
  float largest() const {
    const __m256 upper = _mm512_extractf32x8_ps(v, 1);
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), upper);
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
  }
};

}  // namespace octavo::OCTAVO_TIER
