#pragma once

#include "kernels/lanes16/bare_product.h"
#include "kernels/lanes16/finish.h"

// u8 · s8 products in floats over a tier's sixteen lanes V and its Products: their kLayout, and
// for_each_tile(product, use), which hands every tile's sums to use(row, rows, column, sums).

namespace octavo::lanes16 {

template <class V, class Products>
void product_s8(const ProductS8& product) {
  const FinishTile finish = finish_of<V>(product);
  Products::for_each_tile(bare(product), [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, Products::kLayout.columns);
  });
}

template <class Products>
void accumulate_s8(const ProductS8& product, std::int32_t* output) {
  Products::for_each_tile(bare(product), [&](int row, int rows, int column, const std::int32_t* sums) {
    copy_sums(product.columns, row, rows, column, sums, Products::kLayout.columns, output);
  });
}

/// `integer` is the product of integer precision, which is compiled apart, with no floats.
template <class V, class Products>
LinearS8 linear_s8(void (*integer)(const IntegerProduct&)) {
  return {.layout = Products::kLayout,
          .product = product_s8<V, Products>,
          .accumulate = accumulate_s8<Products>,
          .integer = integer};
}

}  // namespace octavo::lanes16
