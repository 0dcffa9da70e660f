#pragma once

#include <arm_neon.h>

#include <cstdint>

namespace octavo::OCTAVO_TIER {

/// Sixteen int32 lanes in four registers; what leaves int32 wraps. Of memory `count` elements are touched,
/// and the other lanes are 0.
struct S32x16 {
  static constexpr int kLanes = 16;
  /// One number for each of four vectors.
  using Four [[gnu::vector_size(16)]] = std::int32_t;

  /// floor((high · 2^32 + low) / divisor), high < divisor < 2^31, low any 32 bits: a quotient of 32 bits.
  [[gnu::always_inline]] static std::int32_t divide(std::int32_t high, std::int32_t low,
                                                    std::int32_t divisor) {
    const std::uint64_t dividend = static_cast<std::uint64_t>(high) << 32 | static_cast<std::uint32_t>(low);
    return static_cast<std::int32_t>(dividend / static_cast<std::uint64_t>(divisor));
  }

  int32x4_t v[4];

  /// f of the registers' numbers, 0 to 3.
  template <class F>
  [[gnu::always_inline]] static S32x16 of(F f) {
    return {{f(0), f(1), f(2), f(3)}};
  }
  /// All bits set in the lanes of register i below `count`.
  static uint32x4_t first_lanes(int count, int i) {
    static constexpr std::int32_t kLane[4] = {0, 1, 2, 3};
    return vcgtq_s32(vdupq_n_s32(count - 4 * i), vld1q_s32(kLane));
  }
  /// All bits set in the lanes of register i whose bits are.
  static uint32x4_t lanes_of(unsigned bits, int i) {
    static constexpr std::uint32_t kBit[4] = {1, 2, 4, 8};
    return vtstq_u32(vdupq_n_u32(bits >> 4 * i), vld1q_u32(kBit));
  }
  /// A place for sixteen elements with the first `count` of x in it.
  template <class Element>
  struct Copied {
    alignas(16) Element elements[kLanes] = {};

    Copied(const Element* x, int count) {
      __builtin_memcpy(elements, x, static_cast<unsigned>(count) * sizeof(Element));
    }
  };

  static S32x16 all(std::int32_t x) {
    return of([&](int) { return vdupq_n_s32(x); });
  }
  static S32x16 load(const std::int32_t* x) {
    return of([&](int i) { return vld1q_s32(x + 4 * i); });
  }
  static S32x16 load(const std::int32_t* x, int count) {
    return count == kLanes ? load(x) : load(Copied<std::int32_t>(x, count).elements);
  }
  static S32x16 load_s16(const std::int16_t* x, int count) {
    if (count != kLanes) return load_s16(Copied<std::int16_t>(x, count).elements, kLanes);
    return of([&](int i) { return vmovl_s16(vld1_s16(x + 4 * i)); });
  }
  static S32x16 load_s8(const std::int8_t* x, int count) {
    if (count != kLanes) return load_s8(Copied<std::int8_t>(x, count).elements, kLanes);
    const int8x16_t bytes = vld1q_s8(x);
    const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
    return {{vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low), vmovl_s16(vget_low_s16(high)),
             vmovl_high_s16(high)}};
  }
  /// x in its first `count` lanes, 0 in the others.
  static S32x16 first(S32x16 x, int count) {
    return of([&](int i) { return vandq_s32(x.v[i], vreinterpretq_s32_u32(first_lanes(count, i))); });
  }
  /// x in the lanes whose bits are set, 0 elsewhere.
  static S32x16 where(unsigned bits, S32x16 x) {
    return of([&](int i) { return vandq_s32(x.v[i], vreinterpretq_s32_u32(lanes_of(bits, i))); });
  }

  void store(std::int32_t* x) const {
    for (int i = 0; i < 4; ++i) vst1q_s32(x + 4 * i, v[i]);
  }
  void store(std::int32_t* x, int count) const {
    if (count == kLanes) return store(x);
    std::int32_t buffer[kLanes];
    store(buffer);
    __builtin_memcpy(x, buffer, static_cast<unsigned>(count) * sizeof buffer[0]);
  }
  /// Clamped to ±32767.
  void store_s16(std::int16_t* x, int count) const {
    std::int16_t buffer[kLanes];
    std::int16_t* target = count == kLanes ? x : buffer;
    for (int i = 0; i < 4; ++i) vst1_s16(target + 4 * i, vmax_s16(vqmovn_s32(v[i]), vdup_n_s16(-32767)));
    if (count != kLanes) __builtin_memcpy(x, buffer, static_cast<unsigned>(count) * sizeof buffer[0]);
  }
  /// Clamped to 0..255.
  void store_u8(std::uint8_t* x, int count) const {
    const uint16x8_t low = vcombine_u16(vqmovun_s32(v[0]), vqmovun_s32(v[1]));
    const uint16x8_t high = vcombine_u16(vqmovun_s32(v[2]), vqmovun_s32(v[3]));
    const uint8x16_t bytes = vcombine_u8(vqmovn_u16(low), vqmovn_u16(high));
    if (count == kLanes) {
      vst1q_u8(x, bytes);
    } else {
      std::uint8_t buffer[kLanes];
      vst1q_u8(buffer, bytes);
      __builtin_memcpy(x, buffer, static_cast<unsigned>(count));
    }
  }

  friend S32x16 operator+(S32x16 a, S32x16 b) {
    return of([&](int i) { return vaddq_s32(a.v[i], b.v[i]); });
  }
  friend S32x16 operator-(S32x16 a, S32x16 b) {
    return of([&](int i) { return vsubq_s32(a.v[i], b.v[i]); });
  }
  friend S32x16 operator*(S32x16 a, S32x16 b) {
    return of([&](int i) { return vmulq_s32(a.v[i], b.v[i]); });
  }
  friend S32x16 operator<<(S32x16 a, S32x16 b) {
    return of([&](int i) { return vshlq_s32(a.v[i], b.v[i]); });
  }
  friend S32x16 operator>>(S32x16 a, S32x16 b) {
    return of([&](int i) { return vshlq_s32(a.v[i], vnegq_s32(b.v[i])); });
  }
  static S32x16 max(S32x16 a, S32x16 b) {
    return of([&](int i) { return vmaxq_s32(a.v[i], b.v[i]); });
  }
  static S32x16 min(S32x16 a, S32x16 b) {
    return of([&](int i) { return vminq_s32(a.v[i], b.v[i]); });
  }
  /// shift(a · b, 15) of lanes from 0 to 32767.
  static S32x16 product15(S32x16 a, S32x16 b) {
    return of([&](int i) {
      return vreinterpretq_s32_s16(
          vqrdmulhq_s16(vreinterpretq_s16_s32(a.v[i]), vreinterpretq_s16_s32(b.v[i])));
    });
  }
  S32x16 logical_right(int count) const { return logical_right(all(count)); }
  /// Each lane shifted to the right by that of `counts`, zeros coming in.
  S32x16 logical_right(S32x16 counts) const {
    return of([&](int i) {
      return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(v[i]), vnegq_s32(counts.v[i])));
    });
  }
  /// Lanes within int16 times 0 <= n < 2^15.
  S32x16 times_s16(int n) const {
    return of([&](int i) { return vmulq_n_s32(v[i], n); });
  }

  /// (a · b) >> 32 of products in int64.
  static S32x16 upper_halves(S32x16 a, S32x16 b) {
    return of([&](int i) {
      const int64x2_t low = vmull_s32(vget_low_s32(a.v[i]), vget_low_s32(b.v[i]));
      const int64x2_t high = vmull_high_s32(a.v[i], b.v[i]);
      return vuzp2q_s32(vreinterpretq_s32_s64(low), vreinterpretq_s32_s64(high));
    });
  }

  std::int32_t total() const { return vaddvq_s32(vaddq_s32(vaddq_s32(v[0], v[1]), vaddq_s32(v[2], v[3]))); }

  static Four sums(const S32x16 (&x)[4]) {
    const auto four = [](const S32x16& a) {
      return vaddq_s32(vaddq_s32(a.v[0], a.v[1]), vaddq_s32(a.v[2], a.v[3]));
    };
    return reinterpret_cast<Four>(
        vpaddq_s32(vpaddq_s32(four(x[0]), four(x[1])), vpaddq_s32(four(x[2]), four(x[3]))));
  }
  static Four largest_of_each(const S32x16 (&x)[4]) {
    const auto four = [](const S32x16& a) {
      return vmaxq_s32(vmaxq_s32(a.v[0], a.v[1]), vmaxq_s32(a.v[2], a.v[3]));
    };
    return reinterpret_cast<Four>(
        vpmaxq_s32(vpmaxq_s32(four(x[0]), four(x[1])), vpmaxq_s32(four(x[2]), four(x[3]))));
  }

  /// Σ |x| of lanes, in int64.
  class Magnitudes {
   public:
    void add(S32x16 x) {
      for (int i = 0; i < 4; ++i) sum_ = vpadalq_u32(sum_, vreinterpretq_u32_s32(vabsq_s32(x.v[i])));
    }
    std::int64_t total() const { return static_cast<std::int64_t>(vaddvq_u64(sum_)); }

   private:
    uint64x2_t sum_ = vdupq_n_u64(0);
  };
};

}  // namespace octavo::OCTAVO_TIER
