#include "kernels/avx2/linear_s8.h"

#include "kernels/avx2/few_rows_s8.h"
#include "kernels/avx2/many_rows_s8.h"
#include "kernels/avx2/vector.h"
#include "kernels/integer_kernels.h"
#include "kernels/lanes16/finish.h"
#include "kernels/reference/functions.h"

namespace octavo::avx2 {

namespace {

/// Hands every tile's sums to use(row, rows, column, sums).
template <class Use>
void for_each_tile_of_sums(const ProductS8& product, const Use& use) {
  if (product.rows <= few_rows::kMostRows) {
    few_rows::for_each_tile_of_sums(product, use);
  } else {
    many_rows::for_each_tile_of_sums(product, use);
  }
}

}  // namespace

void product_s8(const ProductS8& product) {
  const lanes16::FinishTile finish = lanes16::finish_of<F32x16>(product);
  for_each_tile_of_sums(product, [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, kColumnsS8);
  });
}

void accumulate_s8(const ProductS8& product, std::int32_t* output) {
  for_each_tile_of_sums(product, [&](int row, int rows, int column, const std::int32_t* sums) {
    lanes16::copy_sums(product.columns, row, rows, column, sums, kColumnsS8, output);
  });
}

void product_integer(const IntegerProduct& product) {
  auto* sums =
      new std::int32_t[static_cast<std::size_t>(product.rows) * static_cast<std::size_t>(product.columns)];
  accumulate_s8({.input = product.input,
                 .input_stride = product.input_stride,
                 .row_scale = nullptr,
                 .rows = product.rows,
                 .inner = product.inner,
                 .columns = product.columns,
                 .weight = product.weight,
                 .correction = product.start,
                 .epilogue = {}},
                sums);
  reference::finish_integer(product, sums);
  delete[] sums;
}

}  // namespace octavo::avx2
