#include "kernels/avx2/linear_f32.h"

#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"
#include "kernels/vectors256/vector.h"

namespace octavo::avx2 {

namespace {

using lanes16::Ahead;

constexpr int kTileRows = 6;
constexpr int kStepBytes = 64;

/// Rows × 16 sums, each a chain over k in order.
template <int Rows, int Lines>
void tile(const ProductF32& product, int row, int panel, const char* ahead) {
  const float* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * 16 * product.inner;
  const float* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  __m256 low[Rows];
  __m256 high[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) low[r] = high[r] = _mm256_setzero_ps();
  for (int k = 0; k < product.inner; ++k, weight += 16) {
    lanes16::fetch<Lines, kStepBytes>(ahead);
    const __m256 w_low = _mm256_load_ps(weight);
    const __m256 w_high = _mm256_load_ps(weight + 8);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const __m256 x = _mm256_broadcast_ss(input + r * stride + k);
      low[r] = _mm256_fmadd_ps(x, w_low, low[r]);
      high[r] = _mm256_fmadd_ps(x, w_high, high[r]);
    }
  }
  alignas(32) float finished[Rows * 16];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    _mm256_store_ps(finished + 16 * r, low[r]);
    _mm256_store_ps(finished + 16 * r + 8, high[r]);
  }
  lanes16::finish_tile<F32x16>(product, row, Rows, panel * 16, finished, 16);
}

using Tile = void (*)(const ProductF32&, int, int, const char*);

template <int Lines>
constexpr Tile kTiles[kTileRows] = {tile<1, Lines>, tile<2, Lines>, tile<3, Lines>,
                                    tile<4, Lines>, tile<5, Lines>, tile<6, Lines>};

Tile tile_of(int rows, int lines) { return lines == 0 ? kTiles<0>[rows - 1] : kTiles<1>[rows - 1]; }

}  // namespace

void product_f32(const ProductF32& product) {
  const lanes16::Panels panels{.weight = product.weight,
                               .count = (product.columns + 15) / 16,
                               .bytes = static_cast<std::ptrdiff_t>(kStepBytes) * product.inner,
                               .step_bytes = kStepBytes};
  lanes16::for_each_tile(product.rows, kTileRows, panels,
                         [&](int row, int rows, int panel, const Ahead& ahead) {
                           tile_of(rows, ahead.lines)(product, row, panel, ahead.from);
                         });
}

}  // namespace octavo::avx2
