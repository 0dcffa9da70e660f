#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/lanes16/bare_product.h"

namespace octavo::avx2 {

inline constexpr int kColumnsS8 = 16;
/// Of a panel, and of a panel widened: the weights of a pair of inputs.
inline constexpr int kPairWeights = 2 * kColumnsS8;

inline std::ptrdiff_t pairs_of(const lanes16::BareProduct& product) { return (product.inner + 1) / 2; }

/// 16 columns of one pair of inputs, as int16.
struct WeightPairs {
  __m256i low;
  __m256i high;

  static WeightPairs load(const std::int8_t* weight) {
    const auto* halves = reinterpret_cast<const __m128i*>(weight);
    return {_mm256_cvtepi8_epi16(_mm_load_si128(halves)), _mm256_cvtepi8_epi16(_mm_load_si128(halves + 1))};
  }
};

/// A pair of int16 in every lane; memory read as the type it has.
inline __m256i broadcast_pair(const std::int16_t* values) {
  std::int32_t pair;
  __builtin_memcpy(&pair, values, sizeof pair);
  return _mm256_set1_epi32(pair);
}

/// The sums of 16 columns.
struct SumsOf16 {
  __m256i low;
  __m256i high;

  static SumsOf16 load(const std::int32_t* sums) {
    const auto* halves = reinterpret_cast<const __m256i*>(sums);
    return {_mm256_loadu_si256(halves), _mm256_loadu_si256(halves + 1)};
  }
  /// To 32-byte boundaries.
  void store(std::int32_t* sums) const {
    auto* halves = reinterpret_cast<__m256i*>(sums);
    _mm256_store_si256(halves, low);
    _mm256_store_si256(halves + 1, high);
  }
};

}  // namespace octavo::avx2
