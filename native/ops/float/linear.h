#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/aligned_buffer.h"
#include "ops/float/site.h"
#include "ops/matrix.h"
#include "ops/products.h"

namespace octavo {

/// A weight product, y = x · Wᵀ + b, in float32 or int8; weights packed once, shared with a tied embedding.
class Linear {
 public:
  struct Tensors {
    std::string weight;
    std::string bias;  // empty: none
    int inputs;
    int outputs;
  };

  Linear() = default;
  /// `product` is its name in the plan and in traces; `site` is what it reads.
  static Linear load(Weights& weights, const KernelTable& kernels, const QuantizationPlan* plan,
                     const std::string& product, const Site& site, const Tensors& tensors);

  int outputs() const { return outputs_; }

  /// Bias is the layer's own; activation, residual and output are the caller's.
  void apply(const ProductInput& input, const Epilogue& epilogue, Workspace& workspace) const;

  /// Outputs [first, first + count) alone, in the plainest form: output[rows, count]. `first` is a multiple
  /// of kOutputGroup.
  void apply_to(int first, int count, const ProductInput& input, float* output, Workspace& workspace) const;

  /// Makes `selected` the same product with these outputs alone, in this order.
  void select(std::span<const std::int32_t> outputs, Linear& selected) const;

 private:
  void scale_s8(const Site& site, const RowSums& weight);
  /// Outputs [first, first + count) through an epilogue that begins with the first of them; the stream's
  /// team, if it has one, shares them.
  void run(const ProductInput& input, const Epilogue& epilogue, int first, int count,
           Workspace& workspace) const;
  void compute(const ProductInput& input, const Epilogue& epilogue, int first, int count,
               const KernelTable& kernels) const;
  ProductS8 product_s8(const ProductInput& input, const Epilogue& epilogue, int first, int count) const;
  Epilogue with_bias(Epilogue epilogue, int first) const;
  void record(const ProductS8& product, Workspace& workspace) const;

  std::string name_;
  Precision precision_ = Precision::float32;
  int inputs_ = 0;
  int outputs_ = 0;
  StaticScale input_scale_;  // for traces
  std::shared_ptr<PackedMatrix> weight_;
  AlignedBuffer<std::int32_t> correction_;
  AlignedBuffer<float> weight_scale_;  // static: times the input's
  AlignedBuffer<float> bias_;
};

}  // namespace octavo
