#include "kernels/amx_int8/linear_s8.h"

#include "kernels/amx_int8/tiles.h"
#include "kernels/lanes16/finish.h"
#include "kernels/tiles/block_sums.h"
#include "kernels/vectors512/vector.h"

namespace octavo::OCTAVO_TIER {

void product_s8(const ProductS8& product) {
  if (product.rows <= kFewRows) return few_rows().product(product);
  const lanes16::FinishTile finish = lanes16::finish_of<F32x16>(product);
  tiles::for_each_block_of_sums<Tiles>(
      lanes16::bare(product), [&](int row, int rows, int column, const std::int32_t* sums, int width) {
        finish(product, row, rows, column, sums, width);
      });
}

void accumulate_s8(const ProductS8& product, std::int32_t* output) {
  if (product.rows <= kFewRows) return few_rows().accumulate(product, output);
  tiles::for_each_block_of_sums<Tiles>(
      lanes16::bare(product), [&](int row, int rows, int column, const std::int32_t* sums, int width) {
        lanes16::copy_sums(product.columns, row, rows, column, sums, width, output);
      });
}

}  // namespace octavo::OCTAVO_TIER
