#pragma once

#include "kernels/avx2/few_rows_s8.h"
#include "kernels/avx2/many_rows_s8.h"

namespace octavo::avx2 {

/// What lanes16/linear_s8.h asks of products.
struct Products {
  static constexpr PanelLayout kLayout{.columns = kColumnsS8, .group = 2};

  template <class Use>
  static void for_each_tile(const lanes16::BareProduct& product, const Use& use) {
    if (product.rows <= few_rows::kMostRows) {
      few_rows::for_each_tile_of_sums(product, use);
    } else {
      many_rows::for_each_tile_of_sums(product, use);
    }
  }
};

}  // namespace octavo::avx2
