#include "ops/float/linear.h"

#include <algorithm>

#include "kernels/panels.h"

namespace octavo {

namespace {

/// -zero_point · Σ of a channel's weights: what the offset of the inputs adds, taken off again.
std::int32_t offset_correction(const std::int8_t* weight, int inputs, int zero_point) {
  std::int32_t sum = 0;
  for (int k = 0; k < inputs; ++k) sum += weight[k];
  return -zero_point * sum;
}

}  // namespace

Linear Linear::load(Weights& weights, const KernelTable& kernels, const QuantizationPlan* plan,
                    const std::string& product, const Site& site, const Tensors& tensors) {
  Linear linear;
  linear.name_ = product;
  linear.precision_ = plan != nullptr && plan->is_int8(product) ? Precision::int8 : Precision::float32;
  linear.inputs_ = tensors.inputs;
  linear.outputs_ = tensors.outputs;
  const auto matrix = weights.matrix(tensors.weight, tensors.outputs, tensors.inputs, linear.precision_);
  const PanelLayout& layout =
      linear.precision_ == Precision::int8 ? kernels.linear_s8.layout : kernels.linear_f32.layout;
  if (linear.precision_ == Precision::int8) {
    linear.pack_s8(kernels, *matrix, site);
  } else {
    float* packed = linear.weight_f32_.ensure(packed_size(layout, tensors.outputs, tensors.inputs));
    pack_panels(layout, matrix->f32.data(), tensors.outputs, tensors.inputs, 0, packed);
  }
  if (!tensors.bias.empty()) {
    const float* bias = load_f32(weights.source(), tensors.bias, static_cast<std::size_t>(tensors.outputs));
    std::copy_n(bias, tensors.outputs, linear.bias_.ensure(padded_columns(layout, tensors.outputs)));
  }
  return linear;
}

void Linear::pack_s8(const KernelTable& kernels, const Matrix& matrix, const Site& site) {
  const PanelLayout& layout = kernels.linear_s8.layout;
  const std::size_t columns = padded_columns(layout, outputs_);
  pack_panels(layout, matrix.s8.data(), outputs_, inputs_, 0,
              weight_s8_.ensure(packed_size(layout, outputs_, inputs_)));
  input_scale_ = site.scale();
  const int zero_point = site.is_static() ? input_scale_.zero_point : 128;
  float* weight_scale = weight_scale_.ensure(columns);
  std::int32_t* correction = correction_.ensure(columns);
  for (int n = 0; n < outputs_; ++n) {
    const float scale = matrix.row_scale[static_cast<std::size_t>(n)];
    weight_scale[n] = site.is_static() ? input_scale_.scale * scale : scale;
    const std::int8_t* weight = matrix.s8.data() + static_cast<std::ptrdiff_t>(n) * inputs_;
    correction[n] = offset_correction(weight, inputs_, zero_point);
  }
}

void Linear::apply(const ProductInput& input, const Epilogue& epilogue, Workspace& workspace) const {
  run(input, epilogue, 0, outputs_, workspace);
}

void Linear::apply_to(int first, int count, const ProductInput& input, float* output,
                      Workspace& workspace) const {
  run(input, Epilogue{.output = output, .output_stride = count}, first, count, workspace);
}

void Linear::select(std::span<const std::int32_t> outputs, const KernelTable& kernels,
                    Linear& selected) const {
  const bool is_int8 = precision_ == Precision::int8;
  const PanelLayout& layout = is_int8 ? kernels.linear_s8.layout : kernels.linear_f32.layout;
  const int count = static_cast<int>(outputs.size());
  const std::size_t size = packed_size(layout, count, inputs_);
  const std::size_t columns = padded_columns(layout, count);
  selected.name_ = name_;
  selected.precision_ = precision_;
  selected.inputs_ = inputs_;
  selected.outputs_ = count;
  selected.input_scale_ = input_scale_;
  if (is_int8) {
    select_columns(layout, weight_s8_.data(), inputs_, outputs, selected.weight_s8_.ensure(size));
    select_values(correction_, outputs, columns, selected.correction_);
    select_values(weight_scale_, outputs, columns, selected.weight_scale_);
  } else {
    select_columns(layout, weight_f32_.data(), inputs_, outputs, selected.weight_f32_.ensure(size));
  }
  if (bias_.data() != nullptr) select_values(bias_, outputs, columns, selected.bias_);
}

void Linear::run(const ProductInput& input, const Epilogue& epilogue, int first, int count,
                 Workspace& workspace) const {
  if (workspace.trace != nullptr && precision_ == Precision::int8) {
    record(product_s8(input, epilogue, first, count, *workspace.kernels), workspace);
  }
  share_outputs(workspace.team, count, [&](int begin, int end) {
    compute(input, epilogue.from_column(begin), first + begin, end - begin, *workspace.kernels);
  });
}

void Linear::compute(const ProductInput& input, const Epilogue& epilogue, int first, int count,
                     const KernelTable& kernels) const {
  if (precision_ == Precision::int8) {
    kernels.linear_s8.product(product_s8(input, epilogue, first, count, kernels));
    return;
  }
  kernels.linear_f32.product(
      {.input = input.values,
       .input_stride = input.stride,
       .rows = input.rows,
       .inner = inputs_,
       .columns = count,
       .weight = weight_f32_.data() + packed_size(kernels.linear_f32.layout, first, inputs_),
       .epilogue = with_bias(epilogue, first)});
}

ProductS8 Linear::product_s8(const ProductInput& input, const Epilogue& epilogue, int first, int count,
                             const KernelTable& kernels) const {
  return {.input = input.quantized,
          .input_stride = input.quantized_stride,
          .row_scale = input.row_scale,
          .rows = input.rows,
          .inner = inputs_,
          .columns = count,
          .weight = weight_s8_.data() + packed_size(kernels.linear_s8.layout, first, inputs_),
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
