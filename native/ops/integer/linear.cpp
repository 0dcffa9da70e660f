#include "ops/integer/linear.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/errors.h"
#include "ops/tensor_source.h"

namespace octavo {

namespace {

constexpr IntegerRange kShifts{-7, 22};
constexpr int kLeastShift = 1;  // of what kernels take: see Factors

}  // namespace

IntegerLinear IntegerLinear::load(Weights& weights, const KernelTable& kernels, const std::string& product,
                                  const IntegerSite& site, const Tensors& tensors) {
  IntegerLinear linear;
  linear.name_ = product;
  linear.inputs_ = tensors.inputs;
  linear.outputs_ = tensors.outputs;
  linear.weight_ =
      weights.packed(tensors.weight, tensors.outputs, tensors.inputs, Precision::integer, kernels);
  const std::size_t padded = padded_columns(linear.weight_->layout, tensors.outputs);
  linear.start_.ensure(padded);
  linear.multiplier_.ensure(padded);
  linear.shift_.ensure(padded);
  const std::int32_t* bias = nullptr;
  if (!tensors.bias.empty()) {
    const auto count = static_cast<std::size_t>(tensors.outputs);
    bias = load_s32(weights.source(), tensors.bias, count, kAllInt32);
  }
  const std::vector<std::int64_t> largest_sums =
      linear.load_sums(weights.sums(tensors.weight, Precision::integer), bias, site.zero_point);
  linear.load_factors(weights.source(), largest_sums, tensors);
  return linear;
}

/// Where the sums start. Returns how large the magnitude of each may become.
std::vector<std::int64_t> IntegerLinear::load_sums(const RowSums& weight, const std::int32_t* bias,
                                                   int zero_point) {
  std::vector<std::int64_t> largest_sums;
  const std::int64_t largest_input = std::max(zero_point, 255 - zero_point);
  for (int n = 0; n < outputs_; ++n) {
    const auto row = static_cast<std::size_t>(n);
    const std::int64_t offset = bias == nullptr ? 0 : bias[n];
    largest_sums.push_back(largest_input * weight.magnitudes[row] + std::abs(offset));
    if (largest_sums.back() > kAllInt32.high) {
      throw Error(name_ + ": sums could leave int32, output " + std::to_string(n) + " first");
    }
    start_.data()[n] = static_cast<std::int32_t>(offset - zero_point * weight.sums[row]);
  }
  return largest_sums;
}

void IntegerLinear::load_factors(TensorSource& source, std::span<const std::int64_t> largest_sums,
                                 const Tensors& tensors) {
  const std::size_t count = largest_sums.size();
  std::copy_n(load_s32(source, name_ + ".multiplier", count, kMantissas), count, multiplier_.data());
  const std::int8_t* shift = load_s8(source, name_ + ".shift", count, kShifts);
  if (*std::min_element(shift, shift + count) < kLeastShift) left_.ensure(shift_.capacity());
  std::fill_n(shift_.data(), shift_.capacity(), kLeastShift);
  for (std::size_t n = 0; n < count; ++n) {
    shift_.data()[n] = std::max<std::int32_t>(shift[n], kLeastShift);
    const int left = shift_.data()[n] - shift[n];
    if (left_.data() != nullptr) left_.data()[n] = left;
    const int bits = 32 + shift[n];
    const std::int64_t half = std::int64_t{1} << (bits - 1);
    const std::int64_t largest = (largest_sums[n] * multiplier_.data()[n] + half) >> bits;
    if (largest >= tensors.limit) {
      throw Error(name_ + ": results could reach " + std::to_string(largest) + ", output " +
                  std::to_string(n) + " first; they must stay below " + std::to_string(tensors.limit));
    }
    if (largest_sums[n] > kAllInt32.high >> left) {
      throw Error(name_ + ": sums could leave int32 where they are re-scaled, output " + std::to_string(n) +
                  " first");
    }
  }
}

void IntegerLinear::apply(const ProductInput& input, const IntegerTarget& target,
                          Workspace& workspace) const {
  run(input, target, 0, outputs_, workspace);
}

void IntegerLinear::apply_to(int first, int count, const ProductInput& input, std::int32_t* output,
                             Workspace& workspace) const {
  run(input, {.wide = output, .stride = count}, first, count, workspace);
}

void IntegerLinear::select(std::span<const std::int32_t> outputs, IntegerLinear& selected) const {
  const int count = static_cast<int>(outputs.size());
  const std::size_t columns = padded_columns(weight_->layout, count);
  selected.name_ = name_;
  selected.inputs_ = inputs_;
  selected.outputs_ = count;
  if (!selected.weight_) selected.weight_ = std::make_shared<PackedMatrix>();
  weight_->select(outputs, *selected.weight_);
  select_values(start_, outputs, columns, selected.start_);
  select_values(multiplier_, outputs, columns, selected.multiplier_);
  select_values(shift_, outputs, columns, selected.shift_);
  if (left_.data() != nullptr) select_values(left_, outputs, columns, selected.left_);
}

void IntegerLinear::run(const ProductInput& input, const IntegerTarget& target, int first, int count,
                        Workspace& workspace) const {
  if (workspace.trace != nullptr) record(input, first, count, workspace);
  const KernelTable& kernels = *workspace.kernels;
  const Factors factors{multiplier_.data(), shift_.data(), left_.data()};
  share_outputs(workspace.team, count, [&](int begin, int end) {
    const int column = first + begin;
    kernels.linear_s8.integer({.input = input.quantized,
                               .input_stride = input.quantized_stride,
                               .rows = input.rows,
                               .inner = inputs_,
                               .columns = end - begin,
                               .weight = weight_->s8.data() + packed_size(weight_->layout, column, inputs_),
                               .start = start_.data() + column,
                               .factors = factors.from_column(column),
                               .target = target.from_column(begin)});
  });
}

void IntegerLinear::record(const ProductInput& input, int first, int count, Workspace& workspace) const {
  const LinearS8& kernels = workspace.kernels->linear_s8;
  const ProductS8 product{.input = input.quantized,
                          .input_stride = input.quantized_stride,
                          .rows = input.rows,
                          .inner = inputs_,
                          .columns = count,
                          .weight = weight_->s8.data() + packed_size(weight_->layout, first, inputs_),
                          .correction = start_.data() + first,
                          .epilogue = {}};
  octavo::record(name_, product, {}, kernels, *workspace.trace);
}

}  // namespace octavo
