#pragma once

#include "kernels/integer_kernels.h"

namespace octavo::avx2 {

void attend_polynomial(const AttendPolynomial& job);

}  // namespace octavo::avx2
