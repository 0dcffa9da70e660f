#include "product_bytes.h"

#include <algorithm>
#include <numeric>

#include "base/aligned_buffer.h"
#include "kernels/panels.h"

namespace octavo::testing {

namespace {

std::uint8_t input_byte(Bytes bytes, Random& random) {
  switch (bytes) {
    case Bytes::any: return static_cast<std::uint8_t>(random.bits());
    case Bytes::quantized: return static_cast<std::uint8_t>(random.integer(1, 255));
    case Bytes::extreme: return random.chance() ? 255 : 0;
    case Bytes::all_high: return 255;
    case Bytes::all_low: return 0;
  }
  return 0;
}

std::int8_t weight_byte(Bytes bytes, std::size_t column, Random& random) {
  if (bytes == Bytes::any) return static_cast<std::int8_t>(random.bits());
  if (bytes == Bytes::quantized) return static_cast<std::int8_t>(random.integer(-127, 127));
  if (bytes == Bytes::extreme) return random.chance() ? 127 : -128;
  static constexpr std::array<std::int8_t, 3> kExtremes{127, -127, -128};
  return kExtremes[column % kExtremes.size()];
}

}  // namespace

const char* name_of(Bytes bytes) {
  static constexpr std::array kNames{"any", "quantized", "extreme", "all_high", "all_low"};
  return kNames[static_cast<std::size_t>(bytes)];
}

void ProductBytes::prepare(int rows, int inner, int columns, int input_gap, Bytes bytes) {
  inner_ = inner;
  columns_ = columns;
  prepare_input(rows, input_gap, bytes);
  prepare_weight(bytes);
}

void ProductBytes::prepare_input(int rows, int input_gap, Bytes bytes) {
  const std::size_t row_bytes =
      round_up(static_cast<std::size_t>(inner_), static_cast<std::size_t>(layout_.group));
  const std::size_t stride = row_bytes + static_cast<std::size_t>(input_gap);
  input_stride_ = static_cast<std::ptrdiff_t>(stride);
  input_.resize((static_cast<std::size_t>(rows) - 1) * stride + row_bytes);
  std::fill(input_.begin(), input_.end(), std::uint8_t{0xa5});
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    std::generate_n(input_.data() + row * stride, inner_, [&] { return input_byte(bytes, random_); });
  }
}

void ProductBytes::prepare_weight(Bytes bytes) {
  const auto columns = static_cast<std::size_t>(columns_);
  const auto inner = static_cast<std::size_t>(inner_);
  weight_.resize(columns * inner);
  for (std::size_t column = 0; column < columns; ++column) {
    std::generate_n(weight_.data() + column * inner, inner_,
                    [&] { return weight_byte(bytes, column, random_); });
  }
  packed_.resize(packed_size(layout_, columns_, inner_));
  std::fill(packed_.begin(), packed_.end(), std::int8_t{0});
  const int first = columns_ / 3;
  pack_panels(layout_, weight_.data(), first, inner_, 0, packed_.data());
  pack_panels(layout_, weight_.data() + static_cast<std::size_t>(first) * inner, columns_ - first, inner_,
              first, packed_.data());
}

std::size_t ProductBytes::padded_columns() const { return octavo::padded_columns(layout_, columns_); }

std::int32_t ProductBytes::weight_sum(std::size_t column) const {
  const std::int8_t* row = weight_.data() + column * static_cast<std::size_t>(inner_);
  return std::accumulate(row, row + inner_, 0);
}

std::int64_t ProductBytes::sum(int row, std::size_t column) const {
  const std::uint8_t* input = input_.data() + row * input_stride_;
  const std::int8_t* weight = weight_.data() + column * static_cast<std::size_t>(inner_);
  return std::inner_product(input, input + inner_, weight, std::int64_t{0});
}

}  // namespace octavo::testing
