#include "kernels/avx2/sums_s8.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_integer.h"
#include "kernels/lanes16/rows_integer.h"
#include "kernels/vectors256/vector_s32.h"

// No floats: a test disassembles what is compiled here.

namespace octavo::avx2 {

void product_integer(const IntegerProduct& product) { lanes16::product_integer<S32x16, Products>(product); }

void l1_norm(const L1Norm& norm) { lanes16::l1_norm<S32x16>(norm); }

void embed_integer(const EmbedInteger& embedding) { lanes16::embed_integer<S32x16>(embedding); }

}  // namespace octavo::avx2
