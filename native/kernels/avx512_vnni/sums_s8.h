#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/lanes16/bare_product.h"
#include "kernels/lanes16/panels.h"

// u8 · s8 by vpdpbusd.

namespace octavo::avx512_vnni {

inline constexpr int kColumnsS8 = 64;
inline constexpr int kVectors = 4;  // of 16 channels in a panel
inline constexpr int kTileRows = 6;
inline constexpr int kGroupBytes = 4 * kColumnsS8;

inline int groups_of(const lanes16::BareProduct& product) { return (product.inner + 3) / 4; }

/// Four bytes of a row for every lane; memory read as the type it has.
inline __m512i broadcast_group(const std::uint8_t* bytes) {
  std::int32_t group;
  __builtin_memcpy(&group, bytes, sizeof group);
  return _mm512_set1_epi32(group);
}

/// Sums [Rows, 64] of a panel.
template <int Rows, int Lines>
void tile(const lanes16::BareProduct& product, int row, int panel, const char* ahead,
          std::int32_t* finished) {
  const int groups = groups_of(product);
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * kGroupBytes * groups;
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  const std::int32_t* starts = product.start + panel * kColumnsS8;
  __m512i sums[Rows][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const __m512i start = _mm512_loadu_si512(starts + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) sums[r][v] = start;
  }
  for (int g = 0; g < groups; ++g, weight += kGroupBytes) {
    lanes16::fetch<Lines, kGroupBytes>(ahead);
    __m512i w[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) w[v] = _mm512_load_si512(weight + 64 * v);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m512i x = broadcast_group(input + r * stride + 4 * g);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], x, w[v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(finished + kColumnsS8 * r + 16 * v, sums[r][v]);
  }
}

using Tile = void (*)(const lanes16::BareProduct&, int, int, const char*, std::int32_t*);

template <int Lines>
inline constexpr Tile kTiles[kTileRows] = {tile<1, Lines>, tile<2, Lines>, tile<3, Lines>,
                                           tile<4, Lines>, tile<5, Lines>, tile<6, Lines>};

inline Tile tile_of(int rows, int lines) {
  switch (lines) {
    case 0: return kTiles<0>[rows - 1];
    case 1: return kTiles<1>[rows - 1];
    case 2: return kTiles<2>[rows - 1];
    default: return kTiles<4>[rows - 1];
  }
}

/// What lanes16/linear_s8.h asks of products.
struct Products {
  static constexpr PanelLayout kLayout{.columns = kColumnsS8, .group = 4};

  template <class Use>
  static void for_each_tile(const lanes16::BareProduct& product, const Use& use) {
    const lanes16::Panels panels{.weight = product.weight,
                                 .count = (product.columns + kColumnsS8 - 1) / kColumnsS8,
                                 .bytes = static_cast<std::ptrdiff_t>(kGroupBytes) * groups_of(product),
                                 .step_bytes = kGroupBytes};
    alignas(64) std::int32_t sums[kTileRows * kColumnsS8];
    lanes16::for_each_tile(product.rows, kTileRows, panels,
                           [&](int row, int rows, int panel, const lanes16::Ahead& ahead) {
                             tile_of(rows, ahead.lines)(product, row, panel, ahead.from, sums);
                             use(row, rows, panel * kColumnsS8, sums);
                           });
  }
};

}  // namespace octavo::avx512_vnni
