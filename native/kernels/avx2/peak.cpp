#include "kernels/avx2/peak.h"

#include <immintrin.h>

namespace octavo::avx2 {

namespace {

// Enough independent sums to fill the pipelines, few enough to stay in registers. The empty asm keeps the
// compiler from moving or merging the instructions under measurement.
constexpr int kSteps = 1000;
constexpr int kChains = 12;

void run_fma() {
  __m256 sums[kChains];
  __m256 x = _mm256_set1_ps(1.0f);
#pragma GCC unroll 32
  for (int c = 0; c < kChains; ++c) sums[c] = _mm256_setzero_ps();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains; ++c) {
      sums[c] = _mm256_fmadd_ps(x, x, sums[c]);
      asm volatile("" : "+x"(sums[c]));
    }
  }
}

void run_s8() {
  __m256i sums[kChains];
  __m256i x = _mm256_set1_epi16(3);
#pragma GCC unroll 32
  for (int c = 0; c < kChains; ++c) sums[c] = _mm256_setzero_si256();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains; ++c) {
      asm volatile("" : "+x"(x));
      sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(x, x));
      asm volatile("" : "+x"(sums[c]));
    }
  }
}

}  // namespace

PeakLoops peak_loops() {
  constexpr double kInstructions = static_cast<double>(kSteps) * kChains;
  return {.f32 = run_fma, .s8 = run_s8, .f32_macs = kInstructions * 8, .s8_macs = kInstructions * 16};
}

}  // namespace octavo::avx2
