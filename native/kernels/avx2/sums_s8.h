#pragma once

#include "kernels/avx2/few_rows_s8.h"
#include "kernels/avx2/many_rows_s8.h"

namespace octavo::avx2 {

/// Hands every tile's sums to use(row, rows, column, sums).
template <class Use>
void for_each_tile_of_sums(const lanes16::BareProduct& product, const Use& use) {
  if (product.rows <= few_rows::kMostRows) {
    few_rows::for_each_tile_of_sums(product, use);
  } else {
    many_rows::for_each_tile_of_sums(product, use);
  }
}

}  // namespace octavo::avx2
