#include "kernels/avx512_vnni/linear_f32.h"

#include "kernels/avx512_vnni/vector.h"
#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"

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

constexpr Tile kTiles[][kTileRows] = {
    // by lines fetched, rows
    {tile<1, 0>, tile<2, 0>, tile<3, 0>, tile<4, 0>, tile<5, 0>, tile<6, 0>},
    {tile<1, 1>, tile<2, 1>, tile<3, 1>, tile<4, 1>, tile<5, 1>, tile<6, 1>},
    {tile<1, 2>, tile<2, 2>, tile<3, 2>, tile<4, 2>, tile<5, 2>, tile<6, 2>}};

}  // namespace

void product_f32(const ProductF32& product) {
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + 63) / 64,
                               .bytes = static_cast<std::ptrdiff_t>(kStepBytes) * product.inner,
                               .step_bytes = kStepBytes};
  lanes16::for_each_tile(product.rows, kTileRows, panels,
                         [&](int row, int rows, int panel, const Ahead& ahead) {
                           kTiles[ahead.lines][rows - 1](product, row, panel, ahead.from);
                         });
}

}  // namespace octavo::avx512_vnni
