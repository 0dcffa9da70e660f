#include "kernels/avx512_vnni/linear_f32.h"

#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"
#include "kernels/vectors512/vector.h"

namespace octavo::avx512_vnni {

namespace {

using lanes16::Ahead;

constexpr int kVectors = 4;  // of 16 channels in a panel
constexpr int kTileRows = 6;
constexpr int kStepBytes = 256;

/// Rows × 64 sums, each a chain over k in order.
template <int Rows, int Lines>
void tile(const ProductF32& product, int row, int panel, const char* ahead) {
  const float* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * 64 * product.inner;
  const float* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  __m512 sums[Rows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  for (int k = 0; k < product.inner; ++k, weight += 64) {
    lanes16::fetch<Lines, kStepBytes>(ahead);
    __m512 w[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) w[v] = _mm512_load_ps(weight + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m512 x = _mm512_set1_ps(input[r * stride + k]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[r][v] = _mm512_fmadd_ps(x, w[v], sums[r][v]);
    }
  }
  alignas(64) float finished[Rows * 64];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) _mm512_store_ps(finished + 64 * r + 16 * v, sums[r][v]);
  }
  lanes16::finish_tile<F32x16>(product, row, Rows, panel * 64, finished, 64);
}

using Tile = void (*)(const ProductF32&, int, int, const char*);

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

}  // namespace

void product_f32(const ProductF32& product) {
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + 63) / 64,
                               .bytes = static_cast<std::ptrdiff_t>(kStepBytes) * product.inner,
                               .step_bytes = kStepBytes};
  lanes16::for_each_tile(product.rows, kTileRows, panels,
                         [&](int row, int rows, int panel, const Ahead& ahead) {
                           tile_of(rows, ahead.lines)(product, row, panel, ahead.from);
                         });
}

}  // namespace octavo::avx512_vnni
