#pragma once

#include "kernels/integer_kernels.h"

namespace octavo::OCTAVO_TIER {

// A tier's kernels of integer precision, in sources of their own: a test disassembles them and finds no
// floats.
void product_integer(const IntegerProduct& product);
void attend_polynomial(const AttendPolynomial& job);
void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target);
void l1_norm(const L1Norm& norm);
void embed_integer(const EmbedInteger& embedding);

}  // namespace octavo::OCTAVO_TIER
