#pragma once

#include "kernels/avx2/pairs_s8.h"
#include "kernels/lanes16/panels.h"
#include "kernels/scratch.h"

// u8 · s8 for few rows: bytes are widened to int16 and multiplied by vpmaddwd, which is exact; vpmaddubsw
// would saturate. Inputs are widened once for all panels, weights in every tile.

namespace octavo::avx2::few_rows {

inline constexpr int kTileRows = 6;
inline constexpr int kMostRows = 2 * kTileRows;

/// Sums [Rows, 16] of a panel; `input` are rows of pairs.
template <int Rows, int Lines>
void tile(const std::int16_t* input, std::ptrdiff_t pairs, const std::int8_t* weight,
          const std::int32_t* correction, const char* ahead, std::int32_t* finished) {
  SumsOf16 sums[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r] = SumsOf16::load(correction);
#pragma GCC unroll 2
  for (std::ptrdiff_t p = 0; p < pairs; ++p, weight += kPairWeights, input += 2) {
    lanes16::fetch<Lines, kPairWeights>(ahead);
    const WeightPairs w = WeightPairs::load(weight);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m256i x = broadcast_pair(input + r * 2 * pairs);
      sums[r].low = _mm256_add_epi32(sums[r].low, _mm256_madd_epi16(x, w.low));
      sums[r].high = _mm256_add_epi32(sums[r].high, _mm256_madd_epi16(x, w.high));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r].store(finished + kColumnsS8 * r);
}

using Tile = void (*)(const std::int16_t*, std::ptrdiff_t, const std::int8_t*, const std::int32_t*,
                      const char*, std::int32_t*);

template <int Lines>
inline constexpr Tile kTiles[kTileRows] = {tile<1, Lines>, tile<2, Lines>, tile<3, Lines>,
                                           tile<4, Lines>, tile<5, Lines>, tile<6, Lines>};

inline Tile tile_of(int rows, int lines) { return lines == 0 ? kTiles<0>[rows - 1] : kTiles<1>[rows - 1]; }

/// Widens a row of pairs.
inline void widen(const std::uint8_t* input, std::ptrdiff_t pairs, std::int16_t* widened) {
  std::ptrdiff_t k = 0;
  for (; k + 16 <= 2 * pairs; k += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(input + k));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(widened + k), _mm256_cvtepu8_epi16(bytes));
  }
  for (; k < 2 * pairs; ++k) widened[k] = input[k];
}

/// Hands every tile's sums to use(row, rows, column, sums). At most kMostRows rows.
template <class Use>
void for_each_tile_of_sums(const lanes16::BareProduct& product, const Use& use) {
  const std::ptrdiff_t pairs = pairs_of(product);
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + kColumnsS8 - 1) / kColumnsS8,
                               .bytes = kPairWeights * pairs,
                               .step_bytes = kPairWeights};
  const std::size_t row_bytes = sizeof(std::int16_t) * static_cast<std::size_t>(2 * pairs);
  auto* widened =
      static_cast<std::int16_t*>(kernel_scratch(static_cast<std::size_t>(product.rows) * row_bytes));
  for (int r = 0; r < product.rows; ++r) {
    widen(product.input + r * product.input_stride, pairs, widened + r * 2 * pairs);
  }
  alignas(32) std::int32_t sums[kTileRows * kColumnsS8];
  lanes16::for_each_tile(
      product.rows, kTileRows, panels, [&](int row, int rows, int panel, const lanes16::Ahead& ahead) {
        tile_of(rows, ahead.lines)(widened + row * 2 * pairs, pairs, product.weight + panels.bytes * panel,
                                   product.start + panel * kColumnsS8, ahead.from, sums);
        use(row, rows, panel * kColumnsS8, sums);
      });
}

}  // namespace octavo::avx2::few_rows
