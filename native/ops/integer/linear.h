#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/integer_kernels.h"
#include "ops/integer/site.h"
#include "ops/matrix.h"
#include "ops/products.h"
#include "ops/workspace.h"

namespace octavo {

/// A weight product of integers, y = (x · Wᵀ + b) ⊗ factor of each output; weights packed once,
/// shared with a tied embedding.
class IntegerLinear {
 public:
  struct Tensors {
    std::string weight;
    std::string bias;  // empty: none
    int inputs;
    int outputs;
    std::int64_t limit = std::int64_t{1} << 31;  // results must stay below it
  };

  IntegerLinear() = default;
  /// `product` is its name, to which .multiplier and .shift belong; `site` is what it reads. Throws Error
  /// where a sum could leave int32, or a result its limit.
  static IntegerLinear load(Weights& weights, const KernelTable& kernels, const std::string& product,
                            const IntegerSite& site, const Tensors& tensors);

  int outputs() const { return outputs_; }

  void apply(const ProductInput& input, const IntegerTarget& target, Workspace& workspace) const;

  /// Outputs [first, first + count) alone: output[rows, count]. `first` is a multiple of kOutputGroup.
  void apply_to(int first, int count, const ProductInput& input, std::int32_t* output,
                Workspace& workspace) const;

  /// Makes `selected` the same product with these outputs alone, in this order.
  void select(std::span<const std::int32_t> outputs, IntegerLinear& selected) const;

 private:
  std::vector<std::int64_t> load_sums(const RowSums& weight, const std::int32_t* bias, int zero_point);
  void load_factors(TensorSource& source, std::span<const std::int64_t> largest_sums, const Tensors& tensors);
  void run(const ProductInput& input, const IntegerTarget& target, int first, int count,
           Workspace& workspace) const;
  void record(const ProductInput& input, int first, int count, Workspace& workspace) const;

  std::string name_;
  int inputs_ = 0;
  int outputs_ = 0;
  std::shared_ptr<PackedMatrix> weight_;
  AlignedBuffer<std::int32_t> start_;  // bias - zero point of the input · Σ weights
  AlignedBuffer<std::int32_t> multiplier_;
  AlignedBuffer<std::int32_t> shift_;
  AlignedBuffer<std::int32_t> left_;  // nothing where no sum is shifted to the left
};

}  // namespace octavo
