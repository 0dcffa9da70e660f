#include "kernels/lanes16/attend_polynomial.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_integer.h"
#include "kernels/lanes16/paged_fours.h"
#include "kernels/neon_i8mm/eights.h"
#include "kernels/neon_i8mm/fours.h"

namespace octavo::OCTAVO_TIER {

void product_integer(const IntegerProduct& product) {
  lanes16::product_integer<S32x16, ProductsOfEights>(product);
}

void attend_polynomial(const AttendPolynomial& job) {
  lanes16::attend_polynomial<S32x16, lanes16::PagedFours<Fours>>(job);
}

void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target) {
  lanes16::weigh_polynomial<S32x16, lanes16::PagedFours<Fours>>(job, target);
}

}  // namespace octavo::OCTAVO_TIER
