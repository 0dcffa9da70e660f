#pragma once

#include "kernels/integer_kernels.h"
#include "kernels/lanes16/rescaling.h"

// What becomes of a tile of sums in integer precision, chosen once for a product, over a type V of sixteen
// int32 lanes. What is not a template over a tier's own type is static: the linker must not keep one tier's
// copy for all.

namespace octavo::lanes16 {

enum class IntegerEnding { bytes, residual, wide };

static inline IntegerEnding ending_of(const IntegerTarget& target) {
  if (target.bytes != nullptr) return IntegerEnding::bytes;
  return target.residual != nullptr ? IntegerEnding::residual : IntegerEnding::wide;
}

/// 16 columns of `rows` rows of sums, whose rows are `width` apart, all of the columns valid unless Tail.
template <class V, IntegerEnding kEnding, bool HasLeft, bool Tail>
inline void finish_columns(const IntegerProduct& product, int row, int rows, int column,
                           const std::int32_t* sums, int width) {
  const IntegerTarget target = product.target.from_column(column);
  const Factors factors = product.factors.from_column(column);
  const int count = Tail ? product.columns - column : V::kLanes;
  const int zero_point = kEnding == IntegerEnding::bytes ? target.zero_point : 0;
  const Rescaling<V> rescale(V::load(factors.multiplier), V::load(factors.shift), zero_point);
  const V left = HasLeft ? V::load(factors.left) : V::all(0);
  for (std::ptrdiff_t r = row; r < row + rows; ++r, sums += width) {
    V sum = V::load(sums);
    if constexpr (HasLeft) sum = sum << left;
    const V y = rescale(sum);
    if constexpr (kEnding == IntegerEnding::bytes) {
      y.store_u8(target.bytes + r * target.stride, count);
    } else if constexpr (kEnding == IntegerEnding::residual) {
      std::int16_t* residual = target.residual + r * target.stride;
      (V::load_s16(residual, count) + y).store_s16(residual, count);
    } else {
      y.store(target.wide + r * target.stride, count);
    }
  }
}

/// What a tile's sums [rows, width] are handed to, `width` a panel's columns.
using FinishIntegerTile = void (*)(const IntegerProduct& product, int row, int rows, int column,
                                   const std::int32_t* sums, int width);

template <class V, IntegerEnding kEnding, bool HasLeft>
void finish_integer_tile(const IntegerProduct& product, int row, int rows, int column,
                         const std::int32_t* sums, int width) {
  for (int v = 0; v < width && column + v < product.columns; v += V::kLanes) {
    if (product.columns - column - v >= V::kLanes) {
      finish_columns<V, kEnding, HasLeft, false>(product, row, rows, column + v, sums + v, width);
    } else {
      finish_columns<V, kEnding, HasLeft, true>(product, row, rows, column + v, sums + v, width);
    }
  }
}

template <class V, bool HasLeft>
inline FinishIntegerTile finish_of(IntegerEnding ending) {
  switch (ending) {
    case IntegerEnding::bytes: return finish_integer_tile<V, IntegerEnding::bytes, HasLeft>;
    case IntegerEnding::residual: return finish_integer_tile<V, IntegerEnding::residual, HasLeft>;
    case IntegerEnding::wide: break;
  }
  return finish_integer_tile<V, IntegerEnding::wide, HasLeft>;
}

template <class V>
inline FinishIntegerTile finish_of(const IntegerProduct& product) {
  const IntegerEnding ending = ending_of(product.target);
  return product.factors.left == nullptr ? finish_of<V, false>(ending) : finish_of<V, true>(ending);
}

}  // namespace octavo::lanes16
