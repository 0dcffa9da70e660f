#pragma once

#include "kernels/lanes16/sums_fours.h"
#include "kernels/peak_loops.h"

namespace octavo::lanes16 {

inline constexpr int kPeakSteps = 1000;

/// A tile's sums on registers alone. The empty asm keeps the compiler from moving or merging the
/// instructions under measurement.
template <class Fours>
void run_fours() {
  alignas(64) std::uint8_t bytes[kFoursBytes];
  for (std::uint8_t& byte : bytes) byte = 1;
  typename Fours::Sums sums[Fours::kTileRows];
  for (auto& sum : sums) sum = typename Fours::Sums(Fours::Integers::all(0));
  const auto four = Fours::Four::repeat(bytes);
  const auto weights = Fours::Bytes::load(bytes);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < Fours::kTileRows; ++r) {
      sums[r].add(four, weights);
      sums[r].keep();
    }
  }
}

/// Chains of sixteen lanes.
template <class V, int Chains>
void run_fma() {
  V sums[Chains];
  for (V& sum : sums) sum = V::all(0.0f);
  const V x = V::all(1.0f);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 8
    for (int c = 0; c < Chains; ++c) {
      sums[c] = V::fma(x, x, sums[c]);
      sums[c].keep();
    }
  }
}

template <class V, int Chains>
void set_peak_of_fma(PeakLoops& peak) {
  peak.f32 = run_fma<V, Chains>;
  peak.f32_macs = static_cast<double>(kPeakSteps) * Chains * V::kLanes;
}

template <class Fours>
void set_peak_of_fours(PeakLoops& peak) {
  peak.s8 = run_fours<Fours>;
  peak.s8_macs = static_cast<double>(kPeakSteps) * Fours::kTileRows * kFoursBytes;
}

}  // namespace octavo::lanes16
