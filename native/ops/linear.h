#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/matrix.h"
#include "ops/workspace.h"

namespace octavo {

/// Rows as the products of a precision read them. Valid until the workspace's next prepare_input.
struct ProductInput {
  int rows = 0;
  const float* values = nullptr;  // float32
  std::ptrdiff_t stride = 0;
  const std::uint8_t* quantized = nullptr;  // int8: value + 128
  std::ptrdiff_t quantized_stride = 0;
  const float* row_scale = nullptr;
};

/// Makes x[rows, width] ready for products: as it is in float32, quantized per row (token) in int8.
ProductInput prepare_input(const float* x, int rows, int width, Precision precision, Workspace& workspace);

/// y = x · Wᵀ + b with weights packed once. Several projections of one input may lie side by side.
class Linear {
 public:
  struct Part {
    std::string name;    // in traces
    std::string weight;  // tensor
    std::string bias;    // tensor; empty: none
    int outputs;
  };

  Linear() = default;
  static Linear load(Weights& weights, const KernelTable& kernels, Precision precision, int inputs,
                     const std::vector<Part>& parts);

  int outputs() const { return outputs_; }

  /// Bias is the layer's own; activation, residual and output are the caller's.
  void apply(const ProductInput& input, Epilogue epilogue, Workspace& workspace) const;

 private:
  struct Section {
    std::string name;
    int outputs;
  };

  void add(const KernelTable& kernels, const Matrix& matrix, int first_column);
  ProductS8 product_s8(const ProductInput& input, const Epilogue& epilogue) const;
  void record(const ProductS8& product, Workspace& workspace) const;

  Precision precision_ = Precision::float32;
  int inputs_ = 0;
  int outputs_ = 0;
  std::vector<Section> sections_;
  AlignedBuffer<float> weight_f32_;
  AlignedBuffer<std::int8_t> weight_s8_;
  AlignedBuffer<std::int32_t> correction_;
  AlignedBuffer<float> weight_scale_;
  AlignedBuffer<float> bias_;
};

}  // namespace octavo
