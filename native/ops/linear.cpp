#include "ops/linear.h"

#include <algorithm>

#include "kernels/panels.h"

namespace octavo {

namespace {

const PanelLayout& layout_of(const KernelTable& kernels, Precision precision) {
  return precision == Precision::int8 ? kernels.linear_s8.layout : kernels.linear_f32.layout;
}

/// −128 · Σ of a channel's weights: what the offset of the inputs adds, taken off again.
std::int32_t offset_correction(const std::int8_t* weight, int inputs) {
  std::int32_t sum = 0;
  for (int k = 0; k < inputs; ++k) sum += weight[k];
  return -128 * sum;
}

}  // namespace

ProductInput prepare_input(const float* x, int rows, int width, Precision precision, Workspace& workspace) {
  ProductInput input{.rows = rows, .values = x, .stride = width};
  if (precision == Precision::int8) {
    const std::size_t stride = round_up(static_cast<std::size_t>(width), kCacheLineBytes);
    input.quantized_stride = static_cast<std::ptrdiff_t>(stride);
    std::uint8_t* quantized = workspace.quantized.ensure(static_cast<std::size_t>(rows) * stride);
    float* row_scale = workspace.row_scale.ensure(static_cast<std::size_t>(rows));
    workspace.kernels->quantize_rows(x, width, rows, width, quantized, input.quantized_stride, row_scale);
    input.quantized = quantized;
    input.row_scale = row_scale;
  }
  return input;
}

Linear Linear::load(Weights& weights, const KernelTable& kernels, Precision precision, int inputs,
                    const std::vector<Part>& parts) {
  Linear linear;
  linear.precision_ = precision;
  linear.inputs_ = inputs;
  bool has_bias = false;
  for (const Part& part : parts) {
    linear.outputs_ += part.outputs;
    linear.sections_.push_back({part.name, part.outputs});
    has_bias = has_bias || !part.bias.empty();
  }
  const PanelLayout& layout = layout_of(kernels, precision);
  const std::size_t columns = padded_columns(layout, linear.outputs_);
  if (precision == Precision::int8) {
    linear.weight_s8_.ensure(packed_size(layout, linear.outputs_, inputs));
    linear.correction_.ensure(columns);
    linear.weight_scale_.ensure(columns);
  } else {
    linear.weight_f32_.ensure(packed_size(layout, linear.outputs_, inputs));
  }
  if (has_bias) linear.bias_.ensure(columns);
  int column = 0;
  for (const Part& part : parts) {
    linear.add(kernels, *weights.matrix(part.weight, part.outputs, inputs, precision), column);
    if (!part.bias.empty()) {
      const float* bias = load_f32(weights.source(), part.bias, static_cast<std::size_t>(part.outputs));
      std::copy_n(bias, part.outputs, linear.bias_.data() + column);
    }
    column += part.outputs;
  }
  return linear;
}

void Linear::add(const KernelTable& kernels, const Matrix& matrix, int first_column) {
  const PanelLayout& layout = layout_of(kernels, precision_);
  if (precision_ == Precision::float32) {
    pack_panels(layout, matrix.f32.data(), matrix.rows, inputs_, first_column, weight_f32_.data());
    return;
  }
  pack_panels(layout, matrix.s8.data(), matrix.rows, inputs_, first_column, weight_s8_.data());
  std::copy(matrix.row_scale.begin(), matrix.row_scale.end(), weight_scale_.data() + first_column);
  for (int row = 0; row < matrix.rows; ++row) {
    const std::int8_t* weight = matrix.s8.data() + static_cast<std::ptrdiff_t>(row) * inputs_;
    correction_.data()[first_column + row] = offset_correction(weight, inputs_);
  }
}

void Linear::apply(const ProductInput& input, Epilogue epilogue, Workspace& workspace) const {
  epilogue.bias = bias_.data();
  if (precision_ == Precision::int8) {
    const ProductS8 product = product_s8(input, epilogue);
    if (workspace.trace != nullptr) record(product, workspace);
    workspace.kernels->linear_s8.product(product);
    return;
  }
  workspace.kernels->linear_f32.product({.input = input.values,
                                         .input_stride = input.stride,
                                         .rows = input.rows,
                                         .inner = inputs_,
                                         .columns = outputs_,
                                         .weight = weight_f32_.data(),
                                         .epilogue = epilogue});
}

ProductS8 Linear::product_s8(const ProductInput& input, const Epilogue& epilogue) const {
  return {.input = input.quantized,
          .input_stride = input.quantized_stride,
          .row_scale = input.row_scale,
          .rows = input.rows,
          .inner = inputs_,
          .columns = outputs_,
          .weight = weight_s8_.data(),
          .correction = correction_.data(),
          .weight_scale = weight_scale_.data(),
          .epilogue = epilogue};
}

void Linear::record(const ProductS8& product, Workspace& workspace) const {
  const auto rows = static_cast<std::size_t>(product.rows);
  std::vector<std::int32_t> sums(rows * static_cast<std::size_t>(outputs_));
  workspace.kernels->linear_s8.accumulate(product, sums.data());
  std::ptrdiff_t first = 0;
  for (const Section& section : sections_) {
    ProductTrace entry{.name = section.name,
                       .rows = product.rows,
                       .inner = inputs_,
                       .columns = section.outputs,
                       .input = {},
                       .row_scale = {product.row_scale, product.row_scale + rows},
                       .sums = {}};
    for (std::ptrdiff_t row = 0; row < product.rows; ++row) {
      const std::uint8_t* input = product.input + row * product.input_stride;
      entry.input.insert(entry.input.end(), input, input + inputs_);
      const auto begin = sums.begin() + row * outputs_ + first;
      entry.sums.insert(entry.sums.end(), begin, begin + section.outputs);
    }
    workspace.trace->push_back(std::move(entry));
    first += section.outputs;
  }
}

}  // namespace octavo
