#include "peak.h"

#include "stopwatch.h"

#if defined(OCTAVO_X86_64)
#include <immintrin.h>
#endif

namespace octavo::testing {

#if defined(OCTAVO_X86_64)

namespace {

constexpr int kSteps = 1000;

// Enough independent sums to fill the pipelines, few enough to stay in registers. The empty asm keeps the
// compiler from moving or merging the instructions under measurement.
constexpr int kChains256 = 12;
constexpr int kChains512 = 24;

__attribute__((target("avx2,fma"))) void run_fma_256() {
  __m256 sums[kChains256];
  __m256 x = _mm256_set1_ps(1.0f);
#pragma GCC unroll 32
  for (int c = 0; c < kChains256; ++c) sums[c] = _mm256_setzero_ps();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains256; ++c) {
      sums[c] = _mm256_fmadd_ps(x, x, sums[c]);
      asm volatile("" : "+x"(sums[c]));
    }
  }
}

__attribute__((target("avx2"))) void run_widened_s8_256() {
  __m256i sums[kChains256];
  __m256i x = _mm256_set1_epi16(3);
#pragma GCC unroll 32
  for (int c = 0; c < kChains256; ++c) sums[c] = _mm256_setzero_si256();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains256; ++c) {
      asm volatile("" : "+x"(x));
      sums[c] = _mm256_add_epi32(sums[c], _mm256_madd_epi16(x, x));
      asm volatile("" : "+x"(sums[c]));
    }
  }
}

__attribute__((target("avx512f"))) void run_fma_512() {
  __m512 sums[kChains512];
  __m512 x = _mm512_set1_ps(1.0f);
#pragma GCC unroll 32
  for (int c = 0; c < kChains512; ++c) sums[c] = _mm512_setzero_ps();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains512; ++c) {
      sums[c] = _mm512_fmadd_ps(x, x, sums[c]);
      asm volatile("" : "+v"(sums[c]));
    }
  }
}

__attribute__((target("avx512f,avx512vnni"))) void run_vnni_512() {
  __m512i sums[kChains512];
  __m512i x = _mm512_set1_epi32(0x01020304);
#pragma GCC unroll 32
  for (int c = 0; c < kChains512; ++c) sums[c] = _mm512_setzero_si512();
  for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 32
    for (int c = 0; c < kChains512; ++c) {
      sums[c] = _mm512_dpbusd_epi32(sums[c], x, x);
      asm volatile("" : "+v"(sums[c]));
    }
  }
}

/// The fastest round counts: a peak is what nothing has disturbed.
double gmacs(void (*run)(), int chains, int macs_per_instruction) {
  return static_cast<double>(kSteps) * chains * macs_per_instruction / time_calls(run, 40).fastest;
}

}  // namespace

Peak measure_peak(std::string_view tier) {
  if (tier == "avx2") return {gmacs(run_fma_256, kChains256, 8), gmacs(run_widened_s8_256, kChains256, 16)};
  if (tier == "avx512_vnni") return {gmacs(run_fma_512, kChains512, 16), gmacs(run_vnni_512, kChains512, 64)};
  return {};
}

#else

Peak measure_peak(std::string_view) { return {}; }

#endif

}  // namespace octavo::testing
