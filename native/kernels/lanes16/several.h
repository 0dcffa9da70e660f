#pragma once

namespace octavo::lanes16 {

/// Vectors side by side: one chain of dependent operations leaves most of a core idle, a few fill it. The
/// arithmetic of each is that of V alone.
template <class V, int kVectors>
struct Several {
  static constexpr int kLanes = kVectors * V::kLanes;

  V part[kVectors];

  template <class Make>
  static Several of(Make make) {
    Several made;
    for (int i = 0; i < kVectors; ++i) made.part[i] = make(i);
    return made;
  }

  static Several all(float x) {
    return of([&](int) { return V::all(x); });
  }
  static Several load(const float* x) {
    return of([&](int i) { return V::load(x + i * V::kLanes); });
  }

  friend Several operator-(const Several& a, const Several& b) {
    return of([&](int i) { return a.part[i] - b.part[i]; });
  }
  friend Several operator*(const Several& a, const Several& b) {
    return of([&](int i) { return a.part[i] * b.part[i]; });
  }
  static Several fma(const Several& a, const Several& b, const Several& c) {
    return of([&](int i) { return V::fma(a.part[i], b.part[i], c.part[i]); });
  }
  static Several fms(const Several& a, const Several& b, const Several& c) {
    return of([&](int i) { return V::fms(a.part[i], b.part[i], c.part[i]); });
  }
  static Several max(const Several& a, const Several& b) {
    return of([&](int i) { return V::max(a.part[i], b.part[i]); });
  }
  static Several min(const Several& a, const Several& b) {
    return of([&](int i) { return V::min(a.part[i], b.part[i]); });
  }
  static Several round(const Several& a) {
    return of([&](int i) { return V::round(a.part[i]); });
  }
  static Several times_power_of_two(const Several& a, const Several& n) {
    return of([&](int i) { return V::times_power_of_two(a.part[i], n.part[i]); });
  }
};

}  // namespace octavo::lanes16
