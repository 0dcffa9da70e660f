#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "base/aligned_buffer.h"
#include "kernel_checks.h"
#include "kernels/panels.h"
#include "kernels/tiers.h"
#include "product_shapes.h"
#include "values.h"

namespace octavo::testing {

namespace {

/// What the bytes of a product are: anything, or the ends of their ranges.
enum class Bytes { any, quantized, extreme, all_high, all_low };

constexpr std::array kBytes{Bytes::any, Bytes::quantized, Bytes::extreme, Bytes::all_high, Bytes::all_low};
constexpr std::array kByteNames{"any", "quantized", "extreme", "all_high", "all_low"};

/// The longest sums that cannot leave int32, whatever bytes and zero point: 255 · 128 · inner < 2^31.
constexpr int kLongestInner = 65535;

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

/// Operands of one product in guarded memory; the tails of rows and panels hold what must not count.
class ProductS8Operands {
 public:
  ProductS8Operands(const KernelTable& kernels, Random& random)
      : layout_(kernels.linear_s8.layout), random_(random) {}

  void prepare(const ProductShape& shape, Bytes bytes) {
    shape_ = shape;
    zero_point_ = choose_zero_point(bytes);
    prepare_input(bytes);
    prepare_weight(bytes);
    prepare_scales();
  }

  std::string text() const {
    return " zero_point=" + std::to_string(zero_point_) + (shape_.row_scales ? " row_scales" : " static");
  }
  ProductS8 for_reference(const Epilogue& epilogue) const { return product(weight_.data(), epilogue); }
  ProductS8 for_subject(const Epilogue& epilogue) const { return product(packed_.data(), epilogue); }

 private:
  /// For the longest products of one byte the farthest from it, so that sums come near the ends of int32.
  int choose_zero_point(Bytes bytes) const {
    if (shape_.row_scales) return 128;
    if (shape_.inner == kLongestInner && bytes == Bytes::all_high) return 0;
    if (shape_.inner == kLongestInner && bytes == Bytes::all_low) return 255;
    return any_zero_point(random_);
  }

  void prepare_input(Bytes bytes) {
    const std::size_t row_bytes = padded_inner();
    const std::size_t stride = row_bytes + static_cast<std::size_t>(shape_.input_gap);
    input_.resize((static_cast<std::size_t>(shape_.rows) - 1) * stride + row_bytes);
    std::fill(input_.begin(), input_.end(), std::uint8_t{0xa5});
    for (std::size_t row = 0; row < static_cast<std::size_t>(shape_.rows); ++row) {
      std::generate_n(input_.data() + row * stride, shape_.inner, [&] { return input_byte(bytes, random_); });
    }
  }

  void prepare_weight(Bytes bytes) {
    const auto columns = static_cast<std::size_t>(shape_.columns);
    const auto inner = static_cast<std::size_t>(shape_.inner);
    weight_.resize(columns * inner);
    packed_.resize(packed_size(layout_, shape_.columns, shape_.inner));
    std::fill(packed_.begin(), packed_.end(), std::int8_t{0});
    correction_.resize(padded_columns(layout_, shape_.columns));
    std::fill(correction_.begin(), correction_.end(), 0x5a5a5a5a);
    for (std::size_t column = 0; column < columns; ++column) {
      std::int8_t* row = weight_.data() + column * inner;
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < inner; ++k) sum += row[k] = weight_byte(bytes, column, random_);
      correction_[column] = -zero_point_ * sum;
    }
    const int first = shape_.columns / 3;
    pack_panels(layout_, weight_.data(), first, shape_.inner, 0, packed_.data());
    pack_panels(layout_, weight_.data() + static_cast<std::size_t>(first) * inner, shape_.columns - first,
                shape_.inner, first, packed_.data());
  }

  void prepare_scales() {
    const auto rows = static_cast<std::size_t>(shape_.rows);
    fill_padded(weight_scale_, static_cast<std::size_t>(shape_.columns),
                padded_columns(layout_, shape_.columns), random_);
    fill_padded(row_scale_, rows, rows, random_);
    // Now and then a row or a channel of zeros, or scales that overflow or vanish.
    if (random_.integer(0, 3) == 0) row_scale_[rows - 1] = 0.0f;
    if (random_.integer(0, 7) == 0) row_scale_[0] = random_.any_finite();
    if (random_.integer(0, 7) == 0) weight_scale_[0] = random_.any_finite();
  }

  ProductS8 product(const std::int8_t* weight, const Epilogue& epilogue) const {
    return {.input = input_.data(),
            .input_stride = static_cast<std::ptrdiff_t>(padded_inner()) + shape_.input_gap,
            .row_scale = shape_.row_scales ? row_scale_.data() : nullptr,
            .rows = shape_.rows,
            .inner = shape_.inner,
            .columns = shape_.columns,
            .weight = weight,
            .correction = correction_.data(),
            .weight_scale = weight_scale_.data(),
            .epilogue = epilogue};
  }

  std::size_t padded_inner() const {
    return round_up(static_cast<std::size_t>(shape_.inner), static_cast<std::size_t>(layout_.group));
  }

  PanelLayout layout_;
  Random& random_;
  ProductShape shape_;
  int zero_point_ = 128;
  GuardedArray<std::uint8_t> input_;
  GuardedArray<float> row_scale_;
  GuardedArray<std::int8_t> weight_;
  GuardedArray<std::int8_t> packed_;
  GuardedArray<std::int32_t> correction_;
  GuardedArray<float> weight_scale_;
};

/// Calls compare(shape, bytes) for every edge shape, and for sums as long as int32 allows.
template <class Compare>
int for_each_product(Random& random, Compare compare) {
  int calls = 0;
  for (const ProductShape& shape : edge_shapes(random)) {
    compare(shape, kBytes[static_cast<std::size_t>(calls) % kBytes.size()]);
    ++calls;
  }
  for (const Bytes bytes : {Bytes::extreme, Bytes::all_high, Bytes::all_low}) {
    for (int repeat = 0; repeat < 3; ++repeat, ++calls) {
      compare({.rows = 7, .inner = kLongestInner, .columns = 19, .row_scales = repeat == 0}, bytes);
    }
  }
  return calls;
}

}  // namespace

int check_product_s8(const KernelTable& kernels, Random random) {
  ProductS8Operands operands(kernels, random);
  EpilogueOperands epilogue;
  return for_each_product(random, [&](const ProductShape& shape, Bytes bytes) {
    operands.prepare(shape, bytes);
    epilogue.prepare(shape, padded_columns(kernels.linear_s8.layout, shape.columns), random);
    const std::string call =
        describe("product_s8", kernels.name, shape.text(), operands.text(), epilogue.text(),
                 " bytes=", kByteNames[static_cast<std::size_t>(bytes)]);
    reference::table().linear_s8.product(operands.for_reference(epilogue.for_reference()));
    kernels.linear_s8.product(operands.for_subject(epilogue.for_subject()));
    epilogue.verify(call);
  });
}

int check_accumulate_s8(const KernelTable& kernels, Random random) {
  ProductS8Operands operands(kernels, random);
  CheckedOutput<std::int32_t> sums;
  return for_each_product(random, [&](const ProductShape& shape, Bytes bytes) {
    operands.prepare(shape, bytes);
    const std::string call = describe("accumulate_s8", kernels.name, shape.text(), operands.text(),
                                      " bytes=", kByteNames[static_cast<std::size_t>(bytes)]);
    sums.shape(shape.rows, shape.columns, shape.columns);
    reference::table().linear_s8.accumulate(operands.for_reference({}), sums.expected());
    kernels.linear_s8.accumulate(operands.for_subject({}), sums.actual());
    sums.verify(call, "sums");
  });
}

}  // namespace octavo::testing
