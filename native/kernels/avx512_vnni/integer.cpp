#include "kernels/avx512_vnni/integer.h"

#include "kernels/avx512_vnni/sums_s8.h"
#include "kernels/avx512_vnni/vector_s32.h"
#include "kernels/lanes16/finish_integer.h"
#include "kernels/lanes16/rows_integer.h"

// No floats: a test disassembles what is compiled here.

namespace octavo::avx512_vnni {

void product_integer(const IntegerProduct& product) {
  const lanes16::FinishIntegerTile finish = lanes16::finish_of<S32x16>(product);
  for_each_tile_of_sums(lanes16::bare(product), [&](int row, int rows, int column, const std::int32_t* sums) {
    finish(product, row, rows, column, sums, kColumnsS8);
  });
}

void l1_norm(const L1Norm& norm) { lanes16::l1_norm<S32x16>(norm); }

void embed_integer(const EmbedInteger& embedding) { lanes16::embed_integer<S32x16>(embedding); }

}  // namespace octavo::avx512_vnni
