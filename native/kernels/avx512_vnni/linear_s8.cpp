#include "kernels/avx512_vnni/linear_s8.h"

#include "kernels/avx512_vnni/vector.h"
#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"

namespace octavo::avx512_vnni {

namespace {

constexpr int kVectors = 4;  // of 16 channels in a panel
constexpr int kTileRows = 6;

/// What becomes of 16 sums of a row: the fused epilogue, or the bare sums.
template <bool HasRowScale>
struct Finish {
  const ProductS8& product;
  void operator()(int row, int column, __m512i sums) const {
    F32x16 scale = F32x16::load(product.weight_scale + column);
    if constexpr (HasRowScale) scale = F32x16::all(product.row_scale[row]) * scale;
    const F32x16 bias =
        product.epilogue.bias != nullptr ? F32x16::load(product.epilogue.bias + column) : F32x16::all(0.0f);
    const F32x16 value = F32x16::fma(F32x16::from_s32(sums), scale, bias);
    lanes16::finish(product.epilogue, row, column, product.columns - column, value);
  }
};

struct StoreSums {
  const ProductS8& product;
  std::int32_t* sums;
  void operator()(int row, int column, __m512i values) const {
    const int count = product.columns - column;
    const __mmask16 mask = count >= 16 ? __mmask16{0xffff} : F32x16::first_lanes(count);
    _mm512_mask_storeu_epi32(sums + static_cast<std::ptrdiff_t>(row) * product.columns + column, mask,
                             values);
  }
};

/// Four bytes of a row for every lane; memory read as the type it has.
inline __m512i broadcast_group(const std::uint8_t* bytes) {
  std::int32_t group;
  __builtin_memcpy(&group, bytes, sizeof group);
  return _mm512_set1_epi32(group);
}

template <int Rows, class Use>
void tile(const ProductS8& product, int row, int panel, const Use& use) {
  const int groups = (product.inner + 3) / 4;
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * 256 * groups;
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  const int column = panel * 64;
  __m512i sums[Rows][kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const __m512i start = _mm512_loadu_si512(product.correction + column + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) sums[r][v] = start;
  }
  for (int g = 0; g < groups; ++g, weight += 256) {
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
  // A copy to index at run time: indexing `sums` itself would keep it in memory through the loop above.
  __m512i finished[Rows * kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) finished[r * kVectors + v] = sums[r][v];
  }
  for (int r = 0; r < Rows; ++r) {
    for (int first = column, v = 0; v < kVectors && first < product.columns; ++v, first += 16) {
      use(row + r, first, finished[r * kVectors + v]);
    }
  }
}

template <class Use>
void for_each_sum(const ProductS8& product, const Use& use) {
  constexpr void (*kTiles[kTileRows])(const ProductS8&, int, int, const Use&) = {
      tile<1, Use>, tile<2, Use>, tile<3, Use>, tile<4, Use>, tile<5, Use>, tile<6, Use>};
  lanes16::for_each_tile(product.rows, product.columns, kTileRows, kLayoutS8.columns,
                         [&](int row, int rows, int panel) { kTiles[rows - 1](product, row, panel, use); });
}

}  // namespace

void product_s8(const ProductS8& product) {
  if (product.row_scale != nullptr) {
    for_each_sum(product, Finish<true>{product});
  } else {
    for_each_sum(product, Finish<false>{product});
  }
}

void accumulate_s8(const ProductS8& product, std::int32_t* sums) {
  for_each_sum(product, StoreSums{product, sums});
}

}  // namespace octavo::avx512_vnni
