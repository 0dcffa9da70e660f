#include "kernels/avx512_vnni/linear_s8.h"

#include "kernels/avx512_vnni/vector.h"
#include "kernels/integer_kernels.h"
#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"
#include "kernels/reference/functions.h"

namespace octavo::avx512_vnni {

namespace {

using lanes16::Ahead;

constexpr int kColumns = kLayoutS8.columns;
constexpr int kVectors = 4;  // of 16 channels in a panel
constexpr int kTileRows = 6;
constexpr int kGroupBytes = 4 * kColumns;

int groups_of(const ProductS8& product) { return (product.inner + 3) / 4; }

/// Four bytes of a row for every lane; memory read as the type it has.
inline __m512i broadcast_group(const std::uint8_t* bytes) {
  std::int32_t group;
  __builtin_memcpy(&group, bytes, sizeof group);
  return _mm512_set1_epi32(group);
}

/// Sums [Rows, 64] of a panel.
template <int Rows, int Lines>
void tile(const ProductS8& product, int row, int panel, const char* ahead, std::int32_t* finished) {
  const int groups = groups_of(product);
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * kGroupBytes * groups;
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  const std::int32_t* correction = product.correction + panel * kColumns;
  __m512i sums[Rows][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const __m512i start = _mm512_loadu_si512(correction + 16 * v);
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
    for (int v = 0; v < kVectors; ++v) _mm512_store_si512(finished + kColumns * r + 16 * v, sums[r][v]);
  }
}

using Tile = void (*)(const ProductS8&, int, int, const char*, std::int32_t*);

template <int Lines>
constexpr Tile kTiles[kTileRows] = {tile<1, Lines>, tile<2, Lines>, tile<3, Lines>,
                                    tile<4, Lines>, tile<5, Lines>, tile<6, Lines>};

Tile tile_of(int rows, int lines) {
  switch (lines) {
    case 0: return kTiles<0>[rows - 1];
    case 1: return kTiles<1>[rows - 1];
    case 2: return kTiles<2>[rows - 1];
    default: return kTiles<4>[rows - 1];
  }
}

/// Hands every tile's sums to use(row, rows, column, sums).
template <class Use>
void for_each_tile_of_sums(const ProductS8& product, const Use& use) {
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + kColumns - 1) / kColumns,
                               .bytes = static_cast<std::ptrdiff_t>(kGroupBytes) * groups_of(product),
                               .step_bytes = kGroupBytes};
  alignas(64) std::int32_t sums[kTileRows * kColumns];
  lanes16::for_each_tile(product.rows, kTileRows, panels,
                         [&](int row, int rows, int panel, const Ahead& ahead) {
                           tile_of(rows, ahead.lines)(product, row, panel, ahead.from, sums);
                           use(row, rows, panel * kColumns, sums);
                         });
}

}  // namespace

void product_s8(const ProductS8& product) {
  const lanes16::FinishTile finish = lanes16::finish_of<F32x16>(product);
  for_each_tile_of_sums(product, [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, kColumns);
  });
}

void accumulate_s8(const ProductS8& product, std::int32_t* output) {
  for_each_tile_of_sums(product, [&](int row, int rows, int column, const std::int32_t* sums) {
    lanes16::copy_sums(product.columns, row, rows, column, sums, kColumns, output);
  });
}

void product_integer(const IntegerProduct& product) {
  auto* sums =
      new std::int32_t[static_cast<std::size_t>(product.rows) * static_cast<std::size_t>(product.columns)];
  accumulate_s8({.input = product.input,
                 .input_stride = product.input_stride,
                 .row_scale = nullptr,
                 .rows = product.rows,
                 .inner = product.inner,
                 .columns = product.columns,
                 .weight = product.weight,
                 .correction = product.start,
                 .epilogue = {}},
                sums);
  reference::finish_integer(product, sums);
  delete[] sums;
}

}  // namespace octavo::avx512_vnni
