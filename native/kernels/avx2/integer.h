#pragma once

#include "kernels/integer_kernels.h"

namespace octavo::avx2 {

void product_integer(const IntegerProduct& product);
void l1_norm(const L1Norm& norm);
void embed_integer(const EmbedInteger& embedding);

}  // namespace octavo::avx2
