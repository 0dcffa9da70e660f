#pragma once

#include "kernels/avx2/pairs_s8.h"
#include "kernels/lanes16/panels.h"
#include "kernels/scratch.h"

// u8 · s8 for many rows, by Winograd's inner product (1968): x0·w0 + x1·w1 = (x0 + w1)·(x1 + w0) - x0·x1 -
// w0·w1. With bytes widened to int16 the sums in brackets are exact, and a vpmaddwd does four of the left
// side's products, not two. What is subtracted is made once for a row and once for a column. Sums may leave
// int32 on the way and come back.

namespace octavo::avx2::many_rows {

inline constexpr int kTileRows = 4;
/// Inputs 4g to 4g + 3 of 16 columns. Inputs 4g and 4g + 2, a dword, are called even here, the others odd.
inline constexpr int kGroupWeights = 4 * kColumnsS8;
/// Rows that are split at a time, and so the memory that takes: 256 KB for 2048 inputs.
inline constexpr int kBlockRows = 64;

/// Groups of a row rounded up to whole vectors.
inline std::ptrdiff_t padded(std::ptrdiff_t groups) { return (groups + 7) / 8 * 8; }

/// A block of rows: of each the even inputs of every group, then the odd.
struct SplitRows {
  std::int32_t* groups;
  std::int32_t products[kBlockRows];  // Σ even · odd of each row
};

/// One panel: of every group the odd weights of its columns, then the even.
struct SplitPanel {
  std::int16_t* weights;
  alignas(32) std::int32_t start[kColumnsS8];  // correction - Σ even · odd of each column
};

/// Sums [Rows, 16] of a panel for rows from `row` of a block.
template <int Rows, int Lines>
void tile(const SplitRows& block, int row, std::ptrdiff_t groups, const SplitPanel& panel, const char* ahead,
          std::int32_t* finished) {
  const std::ptrdiff_t odd = padded(groups);
  const std::int32_t* input = block.groups + 2 * odd * row;
  const std::int16_t* weight = panel.weights;
  SumsOf16 sums[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    const __m256i products = _mm256_set1_epi32(block.products[row + r]);
    const SumsOf16 start = SumsOf16::load(panel.start);
    sums[r] = {_mm256_sub_epi32(start.low, products), _mm256_sub_epi32(start.high, products)};
  }
  for (std::ptrdiff_t g = 0; g < groups; ++g, weight += kGroupWeights, ++input) {
    lanes16::fetch<Lines, kGroupWeights>(ahead);
    const auto* w = reinterpret_cast<const __m256i*>(weight);
    const __m256i odd_low = _mm256_load_si256(w);
    const __m256i odd_high = _mm256_load_si256(w + 1);
    const __m256i even_low = _mm256_load_si256(w + 2);
    const __m256i even_high = _mm256_load_si256(w + 3);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m256i x = _mm256_set1_epi32(input[r * 2 * odd]);
      const __m256i y = _mm256_set1_epi32(input[r * 2 * odd + odd]);
      const __m256i low = _mm256_madd_epi16(_mm256_add_epi16(x, odd_low), _mm256_add_epi16(y, even_low));
      const __m256i high = _mm256_madd_epi16(_mm256_add_epi16(x, odd_high), _mm256_add_epi16(y, even_high));
      sums[r] = {_mm256_add_epi32(sums[r].low, low), _mm256_add_epi32(sums[r].high, high)};
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r].store(finished + kColumnsS8 * r);
}

using Tile = void (*)(const SplitRows&, int, std::ptrdiff_t, const SplitPanel&, const char*, std::int32_t*);

template <int Lines>
inline constexpr Tile kTiles[kTileRows] = {tile<1, Lines>, tile<2, Lines>, tile<3, Lines>, tile<4, Lines>};

inline Tile tile_of(int rows, int lines) { return lines == 0 ? kTiles<0>[rows - 1] : kTiles<1>[rows - 1]; }

inline std::int32_t total(__m256i x) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

/// Splits a row of `count` bytes; zeros behind them. Returns Σ even · odd.
inline std::int32_t split_row(const std::uint8_t* input, std::ptrdiff_t count, std::ptrdiff_t size,
                              std::int32_t* split) {
  __m256i products = _mm256_setzero_si256();
  for (std::ptrdiff_t g = 0; g < size; g += 8) {
    alignas(32) std::uint8_t tail[32] = {};
    const std::uint8_t* bytes = input + 4 * g;
    if (count - 4 * g < 32) {
      __builtin_memcpy(tail, bytes, static_cast<std::size_t>(count - 4 * g));
      bytes = tail;
    }
    const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
    const __m256i even = _mm256_and_si256(x, _mm256_set1_epi16(0xff));
    const __m256i odd = _mm256_srli_epi16(x, 8);
    products = _mm256_add_epi32(products, _mm256_madd_epi16(even, odd));
    _mm256_store_si256(reinterpret_cast<__m256i*>(split + g), even);
    _mm256_store_si256(reinterpret_cast<__m256i*>(split + size + g), odd);
  }
  return total(products);
}

inline void split_panel(const std::int8_t* weight, std::ptrdiff_t pairs, const std::int32_t* correction,
                        SplitPanel& panel) {
  SumsOf16 start = SumsOf16::load(correction);
  auto* split = reinterpret_cast<__m256i*>(panel.weights);
  for (std::ptrdiff_t p = 0; p < pairs; p += 2, weight += kGroupWeights, split += 4) {
    const WeightPairs first = WeightPairs::load(weight);
    WeightPairs second{_mm256_setzero_si256(), _mm256_setzero_si256()};
    if (p + 1 < pairs) second = WeightPairs::load(weight + kPairWeights);
    const __m256i odd_low = _mm256_blend_epi16(_mm256_srli_epi32(first.low, 16), second.low, 0xaa);
    const __m256i odd_high = _mm256_blend_epi16(_mm256_srli_epi32(first.high, 16), second.high, 0xaa);
    const __m256i even_low = _mm256_blend_epi16(first.low, _mm256_slli_epi32(second.low, 16), 0xaa);
    const __m256i even_high = _mm256_blend_epi16(first.high, _mm256_slli_epi32(second.high, 16), 0xaa);
    start.low = _mm256_sub_epi32(start.low, _mm256_madd_epi16(odd_low, even_low));
    start.high = _mm256_sub_epi32(start.high, _mm256_madd_epi16(odd_high, even_high));
    _mm256_store_si256(split, odd_low);
    _mm256_store_si256(split + 1, odd_high);
    _mm256_store_si256(split + 2, even_low);
    _mm256_store_si256(split + 3, even_high);
  }
  start.store(panel.start);
}

/// Hands every tile's sums to use(row, rows, column, sums).
template <class Use>
void for_each_tile_of_sums(const lanes16::BareProduct& product, const Use& use) {
  const std::ptrdiff_t pairs = pairs_of(product);
  const std::ptrdiff_t groups = (pairs + 1) / 2;
  const std::ptrdiff_t size = padded(groups);
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + kColumnsS8 - 1) / kColumnsS8,
                               .bytes = kPairWeights * pairs,
                               .step_bytes = kGroupWeights};
  const std::size_t weights = static_cast<std::size_t>(kGroupWeights * groups) * sizeof(std::int16_t);
  const int most_rows = product.rows < kBlockRows ? product.rows : kBlockRows;
  auto* scratch = static_cast<std::byte*>(
      kernel_scratch(weights + static_cast<std::size_t>(2 * size * most_rows) * sizeof(std::int32_t)));
  SplitPanel split_weights{.weights = reinterpret_cast<std::int16_t*>(scratch), .start = {}};
  SplitRows split{.groups = reinterpret_cast<std::int32_t*>(scratch + weights), .products = {}};
  alignas(32) std::int32_t sums[kTileRows * kColumnsS8];
  lanes16::for_each_row_tile(product.rows, kBlockRows, [&](int block, int block_rows, int, int) {
    for (int r = 0; r < block_rows; ++r) {
      const std::uint8_t* input = product.input + (block + r) * product.input_stride;
      split.products[r] = split_row(input, 2 * pairs, size, split.groups + 2 * size * r);
    }
    lanes16::for_each_tile(block_rows, kTileRows, panels,
                           [&](int row, int rows, int panel, const lanes16::Ahead& ahead) {
                             if (row == 0) {
                               split_panel(product.weight + panels.bytes * panel, pairs,
                                           product.start + panel * kColumnsS8, split_weights);
                             }
                             tile_of(rows, ahead.lines)(split, row, groups, split_weights, ahead.from, sums);
                             use(block + row, rows, panel * kColumnsS8, sums);
                           });
  });
}

}  // namespace octavo::avx2::many_rows
