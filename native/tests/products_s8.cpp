#include <algorithm>
#include <string>

#include "kernel_checks.h"
#include "kernels/panels.h"
#include "kernels/registry.h"
#include "product_bytes.h"
#include "product_shapes.h"
#include "values.h"

namespace octavo::testing {

namespace {

/// The longest sums that cannot leave int32, whatever bytes and zero point: 255 · 128 · inner < 2^31.
constexpr int kLongestInner = 65535;

/// Operands of one product in guarded memory.
class ProductS8Operands {
 public:
  ProductS8Operands(const KernelTable& kernels, Random& random)
      : random_(random), bytes_(kernels.linear_s8.layout, random) {}

  void prepare(const ProductShape& shape, Bytes bytes) {
    shape_ = shape;
    zero_point_ = choose_zero_point(bytes);
    bytes_.prepare(shape.rows, shape.inner, shape.columns, shape.input_gap, bytes);
    prepare_correction();
    prepare_scales();
  }

  std::string text() const {
    return " zero_point=" + std::to_string(zero_point_) + (shape_.row_scales ? " row_scales" : " static");
  }
  ProductS8 for_reference(const Epilogue& epilogue) const { return product(bytes_.weight(), epilogue); }
  ProductS8 for_subject(const Epilogue& epilogue) const { return product(bytes_.packed(), epilogue); }

 private:
  /// For the longest products of one byte the farthest from it, so that sums come near the ends of int32.
  int choose_zero_point(Bytes bytes) const {
    if (shape_.row_scales) return 128;
    if (shape_.inner == kLongestInner && bytes == Bytes::all_high) return 0;
    if (shape_.inner == kLongestInner && bytes == Bytes::all_low) return 255;
    return any_zero_point(random_);
  }

  void prepare_correction() {
    correction_.resize(bytes_.padded_columns());
    std::fill(correction_.begin(), correction_.end(), 0x5a5a5a5a);
    for (std::size_t column = 0; column < static_cast<std::size_t>(shape_.columns); ++column) {
      correction_[column] = -zero_point_ * bytes_.weight_sum(column);
    }
  }

  void prepare_scales() {
    const auto rows = static_cast<std::size_t>(shape_.rows);
    fill_padded(weight_scale_, static_cast<std::size_t>(shape_.columns), bytes_.padded_columns(), random_);
    fill_padded(row_scale_, rows, rows, random_);
    // Now and then a row or a channel of zeros, or scales that overflow or vanish.
    if (random_.integer(0, 3) == 0) row_scale_[rows - 1] = 0.0f;
    if (random_.integer(0, 7) == 0) row_scale_[0] = random_.any_finite();
    if (random_.integer(0, 7) == 0) weight_scale_[0] = random_.any_finite();
  }

  ProductS8 product(const std::int8_t* weight, const Epilogue& epilogue) const {
    return {.input = bytes_.input(),
            .input_stride = bytes_.input_stride(),
            .row_scale = shape_.row_scales ? row_scale_.data() : nullptr,
            .rows = shape_.rows,
            .inner = shape_.inner,
            .columns = shape_.columns,
            .weight = weight,
            .correction = correction_.data(),
            .weight_scale = weight_scale_.data(),
            .epilogue = epilogue};
  }

  Random& random_;
  ProductBytes bytes_;
  ProductShape shape_;
  int zero_point_ = 128;
  GuardedArray<float> row_scale_;
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
    const std::string call = describe("product_s8", kernels.name, shape.text(), operands.text(),
                                      epilogue.text(), " bytes=", name_of(bytes));
    reference_kernels().linear_s8.product(operands.for_reference(epilogue.for_reference()));
    kernels.linear_s8.product(operands.for_subject(epilogue.for_subject()));
    epilogue.verify(call);
  });
}

int check_accumulate_s8(const KernelTable& kernels, Random random) {
  ProductS8Operands operands(kernels, random);
  CheckedOutput<std::int32_t> sums;
  return for_each_product(random, [&](const ProductShape& shape, Bytes bytes) {
    operands.prepare(shape, bytes);
    const std::string call =
        describe("accumulate_s8", kernels.name, shape.text(), operands.text(), " bytes=", name_of(bytes));
    sums.shape(shape.rows, shape.columns, shape.columns);
    reference_kernels().linear_s8.accumulate(operands.for_reference({}), sums.expected());
    kernels.linear_s8.accumulate(operands.for_subject({}), sums.actual());
    sums.verify(call, "sums");
  });
}

}  // namespace octavo::testing
