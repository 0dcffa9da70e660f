#pragma once

#include "kernels/lanes16/bare_product.h"
#include "kernels/lanes16/finish_integer.h"

namespace octavo::lanes16 {

/// The product of integer precision over a tier's sixteen lanes S and its Products, as in linear_s8.h.
template <class S, class Products>
void product_integer(const IntegerProduct& product) {
  const FinishIntegerTile finish = finish_of<S>(product);
  Products::for_each_tile(bare(product), [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, Products::kLayout.columns);
  });
}

}  // namespace octavo::lanes16
