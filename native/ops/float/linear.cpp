#include "ops/float/linear.h"

#include <algorithm>

namespace octavo {

Linear Linear::load(Weights& weights, const KernelTable& kernels, const QuantizationPlan* plan,
                    const std::string& product, const Site& site, const Tensors& tensors) {
  Linear linear;
  linear.name_ = product;
  linear.precision_ = plan != nullptr && plan->is_int8(product) ? Precision::int8 : Precision::float32;
  linear.inputs_ = tensors.inputs;
  linear.outputs_ = tensors.outputs;
  linear.weight_ =
      weights.packed(tensors.weight, tensors.outputs, tensors.inputs, linear.precision_, kernels);
  if (linear.precision_ == Precision::int8)
    linear.scale_s8(site, weights.sums(tensors.weight, Precision::int8));
  if (!tensors.bias.empty()) {
    const float* bias = load_f32(weights.source(), tensors.bias, static_cast<std::size_t>(tensors.outputs));
    std::copy_n(bias, tensors.outputs,
                linear.bias_.ensure(padded_columns(linear.weight_->layout, tensors.outputs)));
  }
  return linear;
}

/// The scales, and what the offset of the inputs adds to a sum, taken off again: -zero_point · Σ weights.
void Linear::scale_s8(const Site& site, const RowSums& weight) {
  const std::size_t columns = padded_columns(weight_->layout, outputs_);
  input_scale_ = site.scale();
  const int zero_point = site.is_static() ? input_scale_.zero_point : 128;
  float* weight_scale = weight_scale_.ensure(columns);
  std::int32_t* correction = correction_.ensure(columns);
  for (int n = 0; n < outputs_; ++n) {
    const auto row = static_cast<std::size_t>(n);
    const float scale = weight_->row_scale[row];
    weight_scale[n] = site.is_static() ? input_scale_.scale * scale : scale;
    correction[n] = -zero_point * static_cast<std::int32_t>(weight.sums[row]);
  }
}

void Linear::apply(const ProductInput& input, const Epilogue& epilogue, Workspace& workspace) const {
  run(input, epilogue, 0, outputs_, workspace);
}

void Linear::apply_to(int first, int count, const ProductInput& input, float* output,
                      Workspace& workspace) const {
  run(input, Epilogue{.output = output, .output_stride = count}, first, count, workspace);
}

void Linear::select(std::span<const std::int32_t> outputs, Linear& selected) const {
  const int count = static_cast<int>(outputs.size());
  const std::size_t columns = padded_columns(weight_->layout, count);
  selected.name_ = name_;
  selected.precision_ = precision_;
  selected.inputs_ = inputs_;
  selected.outputs_ = count;
  selected.input_scale_ = input_scale_;
  if (!selected.weight_) selected.weight_ = std::make_shared<PackedMatrix>();
  weight_->select(outputs, *selected.weight_);
  if (precision_ == Precision::int8) {
    select_values(correction_, outputs, columns, selected.correction_);
    select_values(weight_scale_, outputs, columns, selected.weight_scale_);
  }
  if (bias_.data() != nullptr) select_values(bias_, outputs, columns, selected.bias_);
}

void Linear::run(const ProductInput& input, const Epilogue& epilogue, int first, int count,
                 Workspace& workspace) const {
  if (workspace.trace != nullptr && precision_ == Precision::int8) {
    record(product_s8(input, epilogue, first, count), workspace);
  }
  share_outputs(workspace.team, count, [&](int begin, int end) {
    compute(input, epilogue.from_column(begin), first + begin, end - begin, *workspace.kernels);
  });
}

void Linear::compute(const ProductInput& input, const Epilogue& epilogue, int first, int count,
                     const KernelTable& kernels) const {
  if (precision_ == Precision::int8) {
    kernels.linear_s8.product(product_s8(input, epilogue, first, count));
    return;
  }
  kernels.linear_f32.product({.input = input.values,
                              .input_stride = input.stride,
                              .rows = input.rows,
                              .inner = inputs_,
                              .columns = count,
                              .weight = weight_->f32.data() + packed_size(weight_->layout, first, inputs_),
                              .epilogue = with_bias(epilogue, first)});
}

ProductS8 Linear::product_s8(const ProductInput& input, const Epilogue& epilogue, int first,
                             int count) const {
  return {.input = input.quantized,
          .input_stride = input.quantized_stride,
          .row_scale = input.row_scale,
          .rows = input.rows,
          .inner = inputs_,
          .columns = count,
          .weight = weight_->s8.data() + packed_size(weight_->layout, first, inputs_),
          .correction = correction_.data() + first,
          .weight_scale = weight_scale_.data() + first,
          .epilogue = with_bias(epilogue, first)};
}

Epilogue Linear::with_bias(Epilogue epilogue, int first) const {
  if (bias_.data() != nullptr) epilogue.bias = bias_.data() + first;
  return epilogue;
}

void Linear::record(const ProductS8& product, Workspace& workspace) const {
  std::vector<float> row_scale(static_cast<std::size_t>(product.rows), input_scale_.scale);
  if (product.row_scale != nullptr) row_scale.assign(product.row_scale, product.row_scale + product.rows);
  octavo::record(name_, product, std::move(row_scale), workspace.kernels->linear_s8, *workspace.trace);
}

}  // namespace octavo
