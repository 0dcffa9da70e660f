#include "kernels/avx2/linear_s8.h"

#include "kernels/avx2/vector.h"
#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"
#include "kernels/scratch.h"

// Bytes are widened to int16 and multiplied by vpmaddwd, which is exact; vpmaddubsw would saturate. Inputs
// are widened once for all panels; weights once for all tiles of a panel, where there are several.

namespace octavo::avx2 {

namespace {

constexpr int kColumns = kLayoutS8.columns;
constexpr int kTileRows = 6;
constexpr int kStepBytes = 2 * kColumns;
/// Rows that are widened at a time, and so the memory that takes: 96 KB for 1024 inputs.
constexpr int kBlockRows = 48;
/// From so many tiles on, widening a panel's weights beforehand costs less than in every tile.
constexpr int kTilesToWiden = 3;

using lanes16::Ahead;
using lanes16::FinishTile;

/// 16 columns of one pair of inputs.
struct WeightPairs {
  __m256i low;
  __m256i high;
};

inline WeightPairs load_pairs(const std::int8_t* weight) {
  const auto* halves = reinterpret_cast<const __m128i*>(weight);
  return {_mm256_cvtepi8_epi16(_mm_load_si128(halves)), _mm256_cvtepi8_epi16(_mm_load_si128(halves + 1))};
}

inline WeightPairs load_pairs(const std::int16_t* weight) {
  const auto* halves = reinterpret_cast<const __m256i*>(weight);
  return {_mm256_load_si256(halves), _mm256_load_si256(halves + 1)};
}

/// A pair of int16 in every lane; memory read as the type it has.
inline __m256i broadcast_pair(const std::int16_t* values) {
  std::int32_t pair;
  __builtin_memcpy(&pair, values, sizeof pair);
  return _mm256_set1_epi32(pair);
}

/// Sums [Rows, 16] of a panel, weights widened already or not.
template <int Rows, int Lines, class Weight>
void tile(const std::int16_t* input, std::ptrdiff_t pairs, const Weight* weight,
          const std::int32_t* correction, const char* ahead, std::int32_t* sums) {
  const std::ptrdiff_t stride = 2 * pairs;
  const auto* start = reinterpret_cast<const __m256i*>(correction);
  __m256i low[Rows];
  __m256i high[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    low[r] = _mm256_loadu_si256(start);
    high[r] = _mm256_loadu_si256(start + 1);
  }
#pragma GCC unroll 2
  for (std::ptrdiff_t p = 0; p < pairs; ++p, weight += kStepBytes, input += 2) {
    lanes16::fetch<Lines, kStepBytes>(ahead);
    const WeightPairs w = load_pairs(weight);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m256i x = broadcast_pair(input + r * stride);
      low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(x, w.low));
      high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(x, w.high));
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    auto* target = reinterpret_cast<__m256i*>(sums + kColumns * r);
    _mm256_store_si256(target, low[r]);
    _mm256_store_si256(target + 1, high[r]);
  }
}

template <class Weight>
using Tile = void (*)(const std::int16_t*, std::ptrdiff_t, const Weight*, const std::int32_t*, const char*,
                      std::int32_t*);

template <class Weight>
constexpr Tile<Weight> kTiles[][kTileRows] = {// by lines fetched, rows
                                              {tile<1, 0, Weight>, tile<2, 0, Weight>, tile<3, 0, Weight>,
                                               tile<4, 0, Weight>, tile<5, 0, Weight>, tile<6, 0, Weight>},
                                              {tile<1, 1, Weight>, tile<2, 1, Weight>, tile<3, 1, Weight>,
                                               tile<4, 1, Weight>, tile<5, 1, Weight>, tile<6, 1, Weight>}};

void widen_rows(const ProductS8& product, int row, int rows, std::ptrdiff_t pairs, std::int16_t* widened) {
  for (int r = 0; r < rows; ++r) {
    const std::uint8_t* input = product.input + (row + r) * product.input_stride;
    const std::ptrdiff_t count = 2 * pairs;
    std::ptrdiff_t k = 0;
    for (; k + 16 <= count; k += 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(input + k));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(widened + k), _mm256_cvtepu8_epi16(bytes));
    }
    for (; k < count; ++k) widened[k] = input[k];
    widened += count;
  }
}

void widen_panel(const std::int8_t* weight, std::ptrdiff_t pairs, std::int16_t* widened) {
  for (std::ptrdiff_t p = 0; p < pairs; ++p, weight += kStepBytes, widened += kStepBytes) {
    const WeightPairs w = load_pairs(weight);
    auto* target = reinterpret_cast<__m256i*>(widened);
    _mm256_store_si256(target, w.low);
    _mm256_store_si256(target + 1, w.high);
  }
}

/// Hands every tile's sums to use(row, rows, column, sums).
template <class Use>
void for_each_tile_of_sums(const ProductS8& product, const Use& use) {
  const std::ptrdiff_t pairs = (product.inner + 1) / 2;
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + kColumns - 1) / kColumns,
                               .bytes = kStepBytes * pairs,
                               .step_bytes = kStepBytes};
  const int most_rows = product.rows < kBlockRows ? product.rows : kBlockRows;
  const std::size_t widened = static_cast<std::size_t>((kStepBytes + 2 * most_rows) * pairs);
  auto* weight_s16 = static_cast<std::int16_t*>(kernel_scratch(widened * sizeof(std::int16_t)));
  std::int16_t* input_s16 = weight_s16 + panels.bytes;
  alignas(32) std::int32_t sums[kTileRows * kColumns];
  lanes16::for_each_row_tile(product.rows, kBlockRows, [&](int block, int block_rows, int, int) {
    widen_rows(product, block, block_rows, pairs, input_s16);
    const bool widen = block_rows > kTileRows * (kTilesToWiden - 1);
    lanes16::for_each_tile(
        block_rows, kTileRows, panels, [&](int row, int rows, int panel, const Ahead& ahead) {
          const std::int8_t* weight = product.weight + panels.bytes * panel;
          const std::int16_t* input = input_s16 + 2 * pairs * row;
          const std::int32_t* correction = product.correction + panel * kColumns;
          if (widen) {
            if (row == 0) widen_panel(weight, pairs, weight_s16);
            kTiles<std::int16_t>[ahead.lines][rows - 1](input, pairs, weight_s16, correction, ahead.from,
                                                        sums);
          } else {
            kTiles<std::int8_t>[ahead.lines][rows - 1](input, pairs, weight, correction, ahead.from, sums);
          }
          use(block + row, rows, panel * kColumns, sums);
        });
  });
}

}  // namespace

void product_s8(const ProductS8& product) {
  const FinishTile finish = lanes16::finish_of<F32x16>(product);
  for_each_tile_of_sums(product, [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, kColumns);
  });
}

void accumulate_s8(const ProductS8& product, std::int32_t* output) {
  for_each_tile_of_sums(product, [&](int row, int rows, int column, const std::int32_t* sums) {
    const int count = product.columns - column < kColumns ? product.columns - column : kColumns;
    for (int r = 0; r < rows; ++r) {
      std::int32_t* target = output + static_cast<std::ptrdiff_t>(row + r) * product.columns + column;
      for (int c = 0; c < count; ++c) target[c] = sums[kColumns * r + c];
    }
  });
}

}  // namespace octavo::avx2
