#pragma once

#include <string>

#include "base/aligned_buffer.h"
#include "ops/float/site.h"
#include "ops/tensor_source.h"

namespace octavo {

class LayerNorm {
 public:
  LayerNorm() = default;
  /// Reads `name`.weight and `name`.bias.
  static LayerNorm load(TensorSource& source, const std::string& name, int width, float epsilon);

  /// output may be x.
  void apply(const float* x, int rows, float* output, const Workspace& workspace) const {
    workspace.kernels->layer_norm(x, rows, width_, weight_.data(), bias_.data(), epsilon_, output, {});
  }

  /// The norm of x[rows, width] as the products of a site want it; floats are kept in `floats`.
  ProductInput apply(const float* x, int rows, const Site& site, AlignedBuffer<float>& floats,
                     Workspace& workspace) const;

  /// The norm of x[rows, width] in x itself and, of the same pass, as the products of a static site want it.
  ProductInput apply_in_place(float* x, int rows, const Site& site, Workspace& workspace) const;

 private:
  int width_ = 0;
  float epsilon_ = 0;
  AlignedBuffer<float> weight_;
  AlignedBuffer<float> bias_;
};

}  // namespace octavo
