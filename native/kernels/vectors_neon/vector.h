#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "kernels/vectors_neon/vector_s32.h"

namespace octavo::OCTAVO_TIER {

/// Sixteen binary32 lanes in four registers. max and min return the second operand where one is NaN.
struct F32x16 {
  using Integers = S32x16;
  static constexpr int kLanes = 16;
  static constexpr float kLowest = -__builtin_inff();

  float32x4_t v[4];

  /// f of the registers' numbers, 0 to 3.
  template <class F>
  [[gnu::always_inline]] static F32x16 of(F f) {
    return {{f(0), f(1), f(2), f(3)}};
  }

  static F32x16 all(float x) {
    return of([&](int) { return vdupq_n_f32(x); });
  }
  static F32x16 load(const float* x) {
    return of([&](int i) { return vld1q_f32(x + 4 * i); });
  }
  static F32x16 load_first(const float* x, int count) {
    return load(S32x16::Copied<float>(x, count).elements);
  }
  static F32x16 load_first_or(const float* x, int count, float other) {
    const F32x16 loaded = load_first(x, count);
    return of(
        [&](int i) { return vbslq_f32(S32x16::first_lanes(count, i), loaded.v[i], vdupq_n_f32(other)); });
  }
  static F32x16 load_s8(const std::int8_t* x, int count) { return from_s32(S32x16::load_s8(x, count)); }
  static F32x16 load_s32(const std::int32_t* x) { return from_s32(S32x16::load(x)); }
  static F32x16 load_s32(const std::int32_t* x, int count) { return from_s32(S32x16::load(x, count)); }
  static F32x16 from_s32(S32x16 x) {
    return of([&](int i) { return vcvtq_f32_s32(x.v[i]); });
  }
  /// To the nearest integers, ties to even.
  S32x16 to_s32() const {
    return S32x16::of([&](int i) { return vcvtnq_s32_f32(v[i]); });
  }
  /// x in its first `count` lanes, +0 in the others.
  static F32x16 first(F32x16 x, int count) {
    return of([&](int i) { return vbslq_f32(S32x16::first_lanes(count, i), x.v[i], vdupq_n_f32(0.0f)); });
  }
  /// x in the lanes whose bits are set, `other` elsewhere.
  static F32x16 where(unsigned bits, F32x16 x, float other) {
    return of([&](int i) { return vbslq_f32(S32x16::lanes_of(bits, i), x.v[i], vdupq_n_f32(other)); });
  }

  /// They are used, for all the compiler knows.
  void keep() { __asm__ volatile("" : "+w"(v[0]), "+w"(v[1]), "+w"(v[2]), "+w"(v[3])); }

  void store(float* x) const {
    for (int i = 0; i < 4; ++i) vst1q_f32(x + 4 * i, v[i]);
  }
  void store_first(float* x, int count) const {
    float buffer[kLanes];
    store(buffer);
    __builtin_memcpy(x, buffer, static_cast<unsigned>(count) * sizeof buffer[0]);
  }
  /// Rounds to integers, ties to even, and stores value + zero_point, at least 0, as u8; 255 where it is
  /// more.
  void store_u8(std::uint8_t* x, int count, int zero_point) const {
    const F32x16 largest = all(static_cast<float>(255 - zero_point));
    (min(*this, largest).to_s32() + S32x16::all(zero_point)).store_u8(x, count);
  }

  friend F32x16 operator+(F32x16 a, F32x16 b) {
    return of([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
  }
  friend F32x16 operator-(F32x16 a, F32x16 b) {
    return of([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
  }
  friend F32x16 operator*(F32x16 a, F32x16 b) {
    return of([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
  }
  friend F32x16 operator/(F32x16 a, F32x16 b) {
    return of([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
  }
  static F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
    return of([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
  }
  static F32x16 fms(F32x16 a, F32x16 b, F32x16 c) {
    return of([&](int i) { return vfmaq_f32(vnegq_f32(c.v[i]), a.v[i], b.v[i]); });
  }
  static float32x4_t max(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
  static float32x4_t min(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
  static F32x16 max(F32x16 a, F32x16 b) {
    return of([&](int i) { return max(a.v[i], b.v[i]); });
  }
  static F32x16 min(F32x16 a, F32x16 b) {
    return of([&](int i) { return min(a.v[i], b.v[i]); });
  }
  static F32x16 abs(F32x16 a) {
    return of([&](int i) { return vabsq_f32(a.v[i]); });
  }
  static F32x16 negate(F32x16 a) {
    return of([&](int i) { return vnegq_f32(a.v[i]); });
  }
  static F32x16 with_sign_of(F32x16 magnitude, F32x16 sign) {
    return of([&](int i) { return vbslq_f32(vdupq_n_u32(1u << 31), sign.v[i], magnitude.v[i]); });
  }
  static F32x16 round(F32x16 a) {
    return of([&](int i) { return vrndnq_f32(a.v[i]); });
  }
  /// a · 2^n for integral n from -126 to 127.
  static F32x16 times_power_of_two(F32x16 a, F32x16 n) {
    return of([&](int i) {
      const int32x4_t biased = vaddq_s32(vcvtnq_s32_f32(n.v[i]), vdupq_n_s32(127));
      return vmulq_f32(a.v[i], vreinterpretq_f32_s32(vshlq_n_s32(biased, 23)));
    });
  }
  static unsigned lanes_above(F32x16 a, F32x16 b) {
    static constexpr std::uint32_t kBit[4] = {1, 2, 4, 8};
    unsigned above = 0;
    for (int i = 0; i < 4; ++i) {
      above |= vaddvq_u32(vandq_u32(vcgtq_f32(a.v[i], b.v[i]), vld1q_u32(kBit))) << 4 * i;
    }
    return above;
  }
  static float inverse_square_root(float x) { return 1.0f / __builtin_sqrtf(x); }

  /// The sums of lanes l, l + 4, l + 8 and l + 12, as sum_tree adds them.
  float32x4_t sums_of_four() const { return vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3])); }
  float sum_tree() const {
    const float32x4_t four = sums_of_four();
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }
  using Four = float32x4_t;
  /// sum_tree of each; the tree's steps for all four at once.
  static Four sum_trees(const F32x16 (&x)[4]) {
    const auto two = [](float32x4_t a, float32x4_t b) {
      return vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)),
                       vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
    };
    return vpaddq_f32(two(x[0].sums_of_four(), x[1].sums_of_four()),
                      two(x[2].sums_of_four(), x[3].sums_of_four()));
  }
  float32x4_t largest_of_four() const { return max(max(v[0], v[2]), max(v[1], v[3])); }
  /// The largest lane of each; none may be NaN.
  static Four largest_of_each(const F32x16 (&x)[4]) {
    return vpmaxq_f32(vpmaxq_f32(x[0].largest_of_four(), x[1].largest_of_four()),
                      vpmaxq_f32(x[2].largest_of_four(), x[3].largest_of_four()));
  }
  static F32x16 join(const Four (&x)[4]) { return {{x[0], x[1], x[2], x[3]}}; }
  /// The first lane in every lane.
  F32x16 repeat_first() const { return all(vgetq_lane_f32(v[0], 0)); }
  float largest() const {
    const float32x4_t four = largest_of_four();
    const float32x4_t two = max(four, vextq_f32(four, four, 2));
    return vgetq_lane_f32(max(two, vextq_f32(two, two, 1)), 0);
  }
};

}  // namespace octavo::OCTAVO_TIER
