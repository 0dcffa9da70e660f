#include "kernels/avx2/paged_bytes.h"
#include "kernels/lanes16/attend_polynomial.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/vectors256/vector_s32.h"

namespace octavo::avx2 {

void attend_polynomial(const AttendPolynomial& job) { lanes16::attend_polynomial<S32x16, PagedBytes>(job); }

void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target) {
  lanes16::weigh_polynomial<S32x16, PagedBytes>(job, target);
}

}  // namespace octavo::avx2
