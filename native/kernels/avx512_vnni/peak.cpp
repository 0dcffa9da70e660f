#include "kernels/avx512_vnni/peak.h"

#include <immintrin.h>

namespace octavo::avx512_vnni {

namespace {

// Enough independent sums to fill the pipelines, few enough to stay in registers. The empty asm keeps the
// compiler from moving or merging the instructions under measurement.
constexpr int kSteps = 1000;
constexpr int kChains = 24;

void run_fma() {
  __m512 sums[kChains];
  __m512 x = _mm512_set1_ps(1.0f);
#pragma GCC unroll 32
  for (int c = 0; c < kChains; ++c) sums[c] = _mm512_setzero_ps();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains; ++c) {
      sums[c] = _mm512_fmadd_ps(x, x, sums[c]);
      asm volatile("" : "+v"(sums[c]));
    }
  }
}

void run_s8() {
  __m512i sums[kChains];
  __m512i x = _mm512_set1_epi32(0x01020304);
#pragma GCC unroll 32
  for (int c = 0; c < kChains; ++c) sums[c] = _mm512_setzero_si512();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains; ++c) {
      sums[c] = _mm512_dpbusd_epi32(sums[c], x, x);
      asm volatile("" : "+v"(sums[c]));
    }
  }
}

}  // namespace

PeakLoops peak_loops() {
  constexpr double kInstructions = static_cast<double>(kSteps) * kChains;
  return {.f32 = run_fma, .s8 = run_s8, .f32_macs = kInstructions * 16, .s8_macs = kInstructions * 64};
}

}  // namespace octavo::avx512_vnni
