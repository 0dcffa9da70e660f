#include "kernels/avx2/linear_s8.h"

#include "kernels/avx2/sums_s8.h"
#include "kernels/avx2/vector.h"
#include "kernels/lanes16/finish.h"

namespace octavo::avx2 {

void product_s8(const ProductS8& product) {
  const lanes16::FinishTile finish = lanes16::finish_of<F32x16>(product);
  for_each_tile_of_sums(lanes16::bare(product), [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, kColumnsS8);
  });
}

void accumulate_s8(const ProductS8& product, std::int32_t* output) {
  for_each_tile_of_sums(lanes16::bare(product), [&](int row, int rows, int column, const std::int32_t* sums) {
    lanes16::copy_sums(product.columns, row, rows, column, sums, kColumnsS8, output);
  });
}

}  // namespace octavo::avx2
