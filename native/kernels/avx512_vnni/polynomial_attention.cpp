#include "kernels/avx512_vnni/paged_bytes.h"
#include "kernels/lanes16/attend_polynomial.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/vectors512/vector_s32.h"

namespace octavo::avx512_vnni {

void attend_polynomial(const AttendPolynomial& job) { lanes16::attend_polynomial<S32x16, PagedBytes>(job); }

void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target) {
  lanes16::weigh_polynomial<S32x16, PagedBytes>(job, target);
}

}  // namespace octavo::avx512_vnni
