#include "kernels/lanes16/attend_polynomial.h"
#include "kernels/lanes16/integer_tier.h"
#include "kernels/lanes16/linear_integer.h"
#include "kernels/lanes16/paged_fours.h"
#include "kernels/lanes16/rows_integer.h"
#include "kernels/neon/fours.h"

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

void l1_norm(const L1Norm& norm) { lanes16::l1_norm<S32x16>(norm); }

void embed_integer(const EmbedInteger& embedding) { lanes16::embed_integer<S32x16>(embedding); }

}  // namespace octavo::OCTAVO_TIER
