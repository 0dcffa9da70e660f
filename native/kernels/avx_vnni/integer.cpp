#include "kernels/avx_vnni/fours.h"
#include "kernels/lanes16/attend_polynomial.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_integer.h"
#include "kernels/lanes16/paged_fours.h"

// No floats: a test disassembles what is compiled here.

namespace octavo::OCTAVO_TIER {

void product_integer(const IntegerProduct& product) {
  lanes16::product_integer<S32x16, lanes16::ProductsOfFours<Fours>>(product);
}

void attend_polynomial(const AttendPolynomial& job) {
  lanes16::attend_polynomial<S32x16, lanes16::PagedFours<Fours>>(job);
}

void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target) {
  lanes16::weigh_polynomial<S32x16, lanes16::PagedFours<Fours>>(job, target);
}

}  // namespace octavo::OCTAVO_TIER
