#include "quantized_target.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace octavo::testing {

namespace {

/// From 2^-14 to 2^6: values about as a network's, and sums of bytes, meet one that spreads them.
float fitting_inverse(Random& random) {
  return std::ldexp(1.5f + 0.5f * random.unit(), random.integer(-14, 5));
}

float extreme_inverse(Random& random) {
  static constexpr std::array values{0.0f,
                                     1e-30f,
                                     std::numeric_limits<float>::denorm_min(),
                                     1e30f,
                                     std::numeric_limits<float>::max(),
                                     std::numeric_limits<float>::infinity()};
  const int chosen = random.integer(0, static_cast<int>(values.size()));
  if (chosen == static_cast<int>(values.size())) return std::fabs(random.any_finite());
  return values[static_cast<std::size_t>(chosen)];
}

}  // namespace

int any_zero_point(Random& random) {
  static constexpr std::array values{0, 1, 127, 128, 254, 255};
  const int chosen = random.integer(0, static_cast<int>(values.size()));
  if (chosen == static_cast<int>(values.size())) return random.integer(0, 255);
  return values[static_cast<std::size_t>(chosen)];
}

void QuantizedTarget::prepare(int rows, int columns, std::size_t padded, int gap, Random& random) {
  zero_point_ = any_zero_point(random);
  least_ = zero_point_ > 0 && random.chance() ? 1 : 0;
  stride_ = columns + gap;
  output_.shape(rows, columns, stride_);
  inverse_.resize(padded);
  std::fill(inverse_.begin(), inverse_.end(), std::numeric_limits<float>::quiet_NaN());
  const int kind = random.integer(0, 3);
  inverses_ = kind == 0 ? "ones" : kind == 1 ? "extreme" : "fitting";
  std::generate_n(inverse_.begin(), columns, [&] {
    return kind == 0 ? 1.0f : kind == 1 ? extreme_inverse(random) : fitting_inverse(random);
  });
}

std::string QuantizedTarget::text() const {
  return std::string(" zero_point=") + std::to_string(zero_point_) + " least=" + std::to_string(least_) +
         " inverses=" + inverses_ + " u8_stride=" + std::to_string(stride_);
}

QuantizedRows QuantizedTarget::rows(std::uint8_t* values) const {
  return {.values = values,
          .stride = stride_,
          .inverse = inverse_.data(),
          .zero_point = zero_point_,
          .least = least_};
}

}  // namespace octavo::testing
