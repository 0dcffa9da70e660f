#pragma once

#include "kernels/lanes16/bare_product.h"
#include "kernels/lanes16/panels.h"
#include "kernels/vectors_neon/vector_s32.h"

// u8 · s8 by usmmla: two rows by two columns of eight inputs each.

namespace octavo::OCTAVO_TIER {

inline constexpr int kColumns = 16;
inline constexpr int kPairs = kColumns / 2;  // of columns
inline constexpr int kGroupBytes = 8 * kColumns;
inline constexpr int kTileRows = 6;

/// Eight inputs of each of two rows.
static inline uint8x16_t two_rows(const std::uint8_t* first, const std::uint8_t* second) {
  const uint8x8_t none = vdup_n_u8(0);
  const uint64x2_t a = vreinterpretq_u64_u8(vcombine_u8(vld1_u8(first), none));
  const uint64x2_t b = vreinterpretq_u64_u8(vcombine_u8(vld1_u8(second), none));
  return vreinterpretq_u8_u64(vzip1q_u64(a, b));
}

/// Sums [Rows, 16] of a panel. A register holds those of two rows and two columns; an odd last row is taken
/// twice.
template <int Rows, int Lines>
void tile(const lanes16::BareProduct& product, int row, int panel, const char* ahead,
          std::int32_t* finished) {
  constexpr int kRowPairs = (Rows + 1) / 2;
  const int groups = (product.inner + 7) / 8;
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * kGroupBytes * groups;
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  const std::int32_t* starts = product.start + panel * kColumns;
  int32x4_t sums[kRowPairs][kPairs];
#pragma GCC unroll 8
  for (int c = 0; c < kPairs; ++c) {
    const int32x2_t start = vld1_s32(starts + 2 * c);
#pragma GCC unroll 8
    for (int p = 0; p < kRowPairs; ++p) sums[p][c] = vcombine_s32(start, start);
  }
  for (int g = 0; g < groups; ++g, weight += kGroupBytes, input += 8) {
    lanes16::fetch<Lines, kGroupBytes>(ahead);
    uint8x16_t x[kRowPairs];
#pragma GCC unroll 8
    for (int p = 0; p < kRowPairs; ++p) {
      const int second = 2 * p + 1 < Rows ? 2 * p + 1 : 2 * p;
      x[p] = two_rows(input + 2 * p * stride, input + second * stride);
    }
#pragma GCC unroll 8
    for (int c = 0; c < kPairs; ++c) {
      const int8x16_t w = vld1q_s8(weight + 16 * c);
#pragma GCC unroll 8
      for (int p = 0; p < kRowPairs; ++p) sums[p][c] = vusmmlaq_s32(sums[p][c], x[p], w);
      // The next weights are loaded after this: all at once would leave no registers to the sums.
      __asm__ volatile("" ::: "memory");
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < kPairs; ++c) {
      const int32x4_t both = sums[r / 2][c];
      vst1_s32(finished + kColumns * r + 2 * c, r % 2 == 0 ? vget_low_s32(both) : vget_high_s32(both));
    }
  }
}

using Tile = void (*)(const lanes16::BareProduct&, int, int, const char*, std::int32_t*);

template <int Lines>
inline constexpr Tile kTiles[kTileRows] = {tile<1, Lines>, tile<2, Lines>, tile<3, Lines>,
                                           tile<4, Lines>, tile<5, Lines>, tile<6, Lines>};

/// What lanes16/linear_s8.h asks of products.
struct ProductsOfEights {
  static constexpr PanelLayout kLayout{.columns = kColumns, .group = 8};

  template <class Use>
  static void for_each_tile(const lanes16::BareProduct& product, const Use& use) {
    const lanes16::Panels panels{
        .weight = product.weight,
        .count = (product.columns + kColumns - 1) / kColumns,
        .bytes = static_cast<std::ptrdiff_t>(kGroupBytes) * ((product.inner + 7) / 8),
        .step_bytes = kGroupBytes};
    alignas(64) std::int32_t sums[kTileRows * kColumns];
    lanes16::for_each_tile(
        product.rows, kTileRows, panels, [&](int row, int rows, int panel, const lanes16::Ahead& ahead) {
          const auto& tiles = ahead.lines == 0 ? kTiles<0> : ahead.lines == 1 ? kTiles<1> : kTiles<2>;
          tiles[rows - 1](product, row, panel, ahead.from, sums);
          use(row, rows, panel * kColumns, sums);
        });
  }
};

/// The sums of a tile of six rows on registers alone.
inline constexpr int kPeakSteps = 1000;
inline constexpr double kPeakMacs = double{kPeakSteps} * kTileRows * kGroupBytes;

static inline void run_usmmla() {
  constexpr int kSums = kTileRows / 2 * kPairs;
  int32x4_t sums[kSums];
  for (int32x4_t& sum : sums) sum = vdupq_n_s32(0);
  const uint8x16_t x = vdupq_n_u8(1);
  const int8x16_t w = vdupq_n_s8(1);
  for (int i = 0; i < kPeakSteps; ++i) {
#pragma GCC unroll 32
    for (int32x4_t& sum : sums) {
      sum = vusmmlaq_s32(sum, x, w);
      __asm__ volatile("" : "+w"(sum));
    }
  }
}

}  // namespace octavo::OCTAVO_TIER
