#include <algorithm>

#include "kernels/fixed_point.h"
#include "kernels/integer_kernels.h"
#include "kernels/reference/functions.h"

// docs/numerics.md, "Integer precision", in int64.

namespace octavo::reference {

namespace {

std::uint8_t clamped_u8(std::int64_t y) {
  return static_cast<std::uint8_t>(std::clamp(y, std::int64_t{0}, std::int64_t{255}));
}

std::int16_t clamped_s16(std::int64_t y) {
  return static_cast<std::int16_t>(std::clamp(y, std::int64_t{-32767}, std::int64_t{32767}));
}

void store(const IntegerTarget& target, std::ptrdiff_t row, int column, std::int64_t y) {
  const std::ptrdiff_t place = row * target.stride + column;
  if (target.bytes != nullptr) {
    target.bytes[place] = clamped_u8(y + target.zero_point);
  } else if (target.residual != nullptr) {
    target.residual[place] = clamped_s16(target.residual[place] + y);
  } else {
    target.wide[place] = static_cast<std::int32_t>(y);
  }
}

void finish(const IntegerProduct& product, int row, int column, std::int64_t sum) {
  const Factors& factors = product.factors;
  const int left = factors.left == nullptr ? 0 : factors.left[column];
  const std::int64_t scaled = (sum << left) * factors.multiplier[column];
  store(product.target, row, column, rounded_shift(scaled, 32 + factors.shift[column]));
}

void l1_norm_row(const L1Norm& norm, const std::int16_t* x, std::uint8_t* output) {
  constexpr int kFractionBits = 10;
  const std::int64_t n = norm.n;
  std::int64_t sum = 0;
  for (int i = 0; i < norm.n; ++i) sum += x[i];
  std::int64_t deviation = 0;
  for (int i = 0; i < norm.n; ++i) deviation += std::max(n * x[i] - sum, sum - n * x[i]);
  const FixedPoint factor = quotient(fixed(n << kFractionBits), fixed(std::max(deviation, std::int64_t{1})));
  for (int i = 0; i < norm.n; ++i) {
    const std::int64_t centred = n * x[i] - sum;
    const std::int64_t normal = rounded_shift(centred * factor.mantissa, std::min(-factor.exponent, 63));
    const std::int64_t y = normal * norm.gain[i] + norm.bias[i];
    output[i] = clamped_u8(rounded_shift(y, norm.shift) + 128);
  }
}

}  // namespace

void product_integer(const IntegerProduct& product) {
  for (int row = 0; row < product.rows; ++row) {
    const std::uint8_t* input = product.input + row * product.input_stride;
    for (int column = 0; column < product.columns; ++column) {
      const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(column) * product.inner;
      std::int64_t sum = product.start[column];
      for (int k = 0; k < product.inner; ++k) sum += std::int64_t{input[k]} * weight[k];
      finish(product, row, column, sum);
    }
  }
}

void l1_norm(const L1Norm& norm) {
  for (std::ptrdiff_t row = 0; row < norm.rows; ++row) {
    l1_norm_row(norm, norm.x + row * norm.n, norm.output + row * norm.output_stride);
  }
}

void embed_integer(const EmbedInteger& embedding) {
  for (int i = 0; i < embedding.n; ++i) {
    const std::int64_t scaled = std::int64_t{embedding.row[i]} * embedding.multiplier;
    embedding.output[i] = clamped_s16(rounded_shift(scaled, 32 + embedding.shift) + embedding.position[i]);
  }
}

}  // namespace octavo::reference
