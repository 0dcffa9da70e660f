#pragma once

#include "kernels/integer_kernels.h"

namespace octavo::avx512_vnni {

void attend_polynomial(const AttendPolynomial& job);

}  // namespace octavo::avx512_vnni
