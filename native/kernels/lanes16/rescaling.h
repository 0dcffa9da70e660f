#pragma once

namespace octavo::lanes16 {

/// x ⊗ (m, h) + offset, 1 <= h <= 22, over a type V of sixteen int32 lanes. Rounding and offset are added to
/// the upper halves of the products before the shift. The halves lie within ±2^30, as |x · m| < 2^62, and
/// 2^(h-1) + 128 · 2^h <= 2^21 + 2^29, so nothing leaves int32; and a multiple of 2^h is shifted exactly.
template <class V>
class Rescaling {
 public:
  Rescaling(V multiplier, V shift, int offset)
      : multiplier_(multiplier),
        shift_(shift),
        added_((V::all(1) << (shift - V::all(1))) + (V::all(offset) << shift)) {}

  V operator()(V x) const { return (V::upper_halves(x, multiplier_) + added_) >> shift_; }

 private:
  V multiplier_;
  V shift_;
  V added_;
};

/// y to the nearest multiple of 2^shift, ties up, over that; + offset. |y| < 2^30.
template <class V>
class RoundedShift {
 public:
  RoundedShift(int shift, int offset)
      : shift_(V::all(shift)), added_(V::all((1 << shift >> 1) + (offset << shift))) {}

  V operator()(V y) const { return (y + added_) >> shift_; }

 private:
  V shift_;
  V added_;
};

}  // namespace octavo::lanes16
