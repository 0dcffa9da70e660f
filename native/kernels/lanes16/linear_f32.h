#pragma once

#include "kernels/lanes16/finish.h"
#include "kernels/lanes16/panels.h"

// Products in float32 over panels of a tier's sixteen lanes V.

namespace octavo::lanes16 {

/// Sums [Rows, 16], each a chain over k in order.
template <class V, int Rows, int Lines>
void tile_f32(const ProductF32& product, int row, int panel, const char* ahead) {
  const float* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * V::kLanes * product.inner;
  const float* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  V sums[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r] = V::all(0.0f);
  for (int k = 0; k < product.inner; ++k, weight += V::kLanes) {
    fetch<Lines, 64>(ahead);
    const V w = V::load(weight);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) sums[r] = V::fma(V::all(input[r * stride + k]), w, sums[r]);
  }
  alignas(64) float finished[Rows * V::kLanes];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r].store(finished + V::kLanes * r);
  finish_tile<V>(product, row, Rows, panel * V::kLanes, finished, V::kLanes);
}

/// The tile of `rows` rows, at most Rows.
template <class V, int Rows, int Lines>
inline void (*tile_f32_of_rows(int rows))(const ProductF32&, int, int, const char*) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return tile_f32_of_rows<V, Rows - 1, Lines>(rows);
  }
  return tile_f32<V, Rows, Lines>;
}

template <class V, int TileRows>
void product_f32(const ProductF32& product) {
  const Panels panels{.weight = product.weight,
                      .count = (product.columns + V::kLanes - 1) / V::kLanes,
                      .bytes = static_cast<std::ptrdiff_t>(4 * V::kLanes) * product.inner,
                      .step_bytes = 4 * V::kLanes};
  for_each_tile(product.rows, TileRows, panels, [&](int row, int rows, int panel, const Ahead& ahead) {
    const auto tile =
        ahead.lines == 0 ? tile_f32_of_rows<V, TileRows, 0>(rows) : tile_f32_of_rows<V, TileRows, 1>(rows);
    tile(product, row, panel, ahead.from);
  });
}

}  // namespace octavo::lanes16
