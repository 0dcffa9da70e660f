#include "kernels/amx_int8/linear_s8.h"
#include "kernels/amx_int8/tiles.h"
#include "kernels/lanes16/finish_integer.h"
#include "kernels/tiles/block_sums.h"
#include "kernels/vectors512/vector_s32.h"

// No floats: a test disassembles what is compiled here.

namespace octavo::OCTAVO_TIER {

void product_integer(const IntegerProduct& product) {
  if (product.rows <= kFewRows) return few_rows().integer(product);
  const lanes16::FinishIntegerTile finish = lanes16::finish_of<S32x16>(product);
  tiles::for_each_block_of_sums<Tiles>(
      lanes16::bare(product), [&](int row, int rows, int column, const std::int32_t* sums, int width) {
        finish(product, row, rows, column, sums, width);
      });
}

}  // namespace octavo::OCTAVO_TIER
