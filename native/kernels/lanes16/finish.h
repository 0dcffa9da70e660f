#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "kernels/lanes16/functions.h"

// What becomes of a tile of sums, chosen once for a product, so that no vector asks again. What is not a
// template over a tier's own type is static: the linker must not keep one tier's copy for all.

namespace octavo::lanes16 {

/// Stores 16 finished sums of one row, `count` of them valid: activation, factor, residual, store.
template <class V>
inline void finish(const Epilogue& epilogue, std::ptrdiff_t row, std::ptrdiff_t column, int count, V value) {
  value = activate(epilogue.activation, value);
  const int valid = count < V::kLanes ? count : V::kLanes;
  if (epilogue.factor != nullptr) {
    value = value * load<V>(epilogue.factor + row * epilogue.factor_stride + column, valid);
  }
  if (epilogue.residual != nullptr) {
    value = value + load<V>(epilogue.residual + row * epilogue.residual_stride + column, valid);
  }
  const QuantizedRows& quantized = epilogue.quantized;
  if (quantized.values != nullptr) {
    store_quantized(value, V::load(quantized.inverse + column), quantized, row, column, valid);
  } else {
    store(value, epilogue.output + row * epilogue.output_stride + column, valid);
  }
}

/// A tile's sums [rows, width] in float32, `width` a panel's columns: bias and the rest.
template <class V>
void finish_tile(const ProductF32& product, int row, int rows, int column, const float* sums, int width) {
  for (int r = 0; r < rows; ++r, sums += width) {
    for (int v = 0; v < width && column + v < product.columns; v += V::kLanes) {
      V value = V::load(sums + v);
      if (product.epilogue.bias != nullptr) value = value + V::load(product.epilogue.bias + column + v);
      finish(product.epilogue, row + r, column + v, product.columns - column - v, value);
    }
  }
}

/// The epilogues that products of a Transformer have; `any` decides as it runs.
enum class Ending { floats, floats_residual, bytes, bytes_relu, any };

static inline Ending ending_of(const Epilogue& epilogue) {
  const bool bytes = epilogue.quantized.values != nullptr;
  const bool residual = epilogue.residual != nullptr;
  if (epilogue.factor != nullptr) return Ending::any;
  if (epilogue.activation == Activation::none) {
    if (!bytes) return residual ? Ending::floats_residual : Ending::floats;
    return residual ? Ending::any : Ending::bytes;
  }
  return bytes && !residual && epilogue.activation == Activation::relu ? Ending::bytes_relu : Ending::any;
}

/// 16 columns of `rows` rows of sums, whose rows are `width` apart, all of the columns valid unless Tail.
template <class V, Ending kEnding, bool HasRowScale, bool Tail>
inline void finish_columns(const ProductS8& product, int row, int rows, int column, const std::int32_t* sums,
                           int width) {
  const Epilogue& epilogue = product.epilogue;
  const int count = Tail ? product.columns - column : V::kLanes;
  const V weight_scale = V::load(product.weight_scale + column);
  const V bias = epilogue.bias != nullptr ? V::load(epilogue.bias + column) : V::all(0.0f);
  V inverse = V::all(0.0f);
  if constexpr (kEnding == Ending::bytes || kEnding == Ending::bytes_relu) {
    inverse = V::load(epilogue.quantized.inverse + column);
  }
  for (std::ptrdiff_t r = row; r < row + rows; ++r, sums += width) {
    V scale = weight_scale;
    if constexpr (HasRowScale) scale = V::all(product.row_scale[r]) * scale;
    V value = V::fma(V::load_s32(sums), scale, bias);
    if constexpr (kEnding == Ending::any) {
      finish(epilogue, r, column, count, value);
    } else if constexpr (kEnding == Ending::bytes || kEnding == Ending::bytes_relu) {
      if constexpr (kEnding == Ending::bytes_relu) value = V::max(value, V::all(0.0f));
      store_quantized(value, inverse, epilogue.quantized, r, column, count);
    } else {
      if constexpr (kEnding == Ending::floats_residual) {
        value = value + load<V>(epilogue.residual + r * epilogue.residual_stride + column, count);
      }
      store(value, epilogue.output + r * epilogue.output_stride + column, count);
    }
  }
}

/// What a tile's sums [rows, width] are handed to, `width` a panel's columns.
using FinishTile = void (*)(const ProductS8& product, int row, int rows, int column, const std::int32_t* sums,
                            int width);

template <class V, Ending kEnding, bool HasRowScale>
void finish_tile(const ProductS8& product, int row, int rows, int column, const std::int32_t* sums,
                 int width) {
  for (int v = 0; v < width && column + v < product.columns; v += V::kLanes) {
    if (product.columns - column - v >= V::kLanes) {
      finish_columns<V, kEnding, HasRowScale, false>(product, row, rows, column + v, sums + v, width);
    } else {
      finish_columns<V, kEnding, HasRowScale, true>(product, row, rows, column + v, sums + v, width);
    }
  }
}

template <class V>
inline FinishTile finish_of(const ProductS8& product) {
  const Ending ending = ending_of(product.epilogue);
  if (product.row_scale != nullptr) {
    switch (ending) {
      case Ending::floats: return finish_tile<V, Ending::floats, true>;
      case Ending::floats_residual: return finish_tile<V, Ending::floats_residual, true>;
      default: return finish_tile<V, Ending::any, true>;
    }
  }
  switch (ending) {
    case Ending::floats: return finish_tile<V, Ending::floats, false>;
    case Ending::floats_residual: return finish_tile<V, Ending::floats_residual, false>;
    case Ending::bytes: return finish_tile<V, Ending::bytes, false>;
    case Ending::bytes_relu: return finish_tile<V, Ending::bytes_relu, false>;
    case Ending::any: break;
  }
  return finish_tile<V, Ending::any, false>;
}

/// The bare sums of a tile to output[, columns].
static inline void copy_sums(int columns, int row, int rows, int column, const std::int32_t* sums, int width,
                             std::int32_t* output) {
  const int count = columns - column < width ? columns - column : width;
  for (std::ptrdiff_t r = row; r < row + rows; ++r, sums += width) {
    for (int c = 0; c < count; ++c) output[r * columns + column + c] = sums[c];
  }
}

}  // namespace octavo::lanes16
