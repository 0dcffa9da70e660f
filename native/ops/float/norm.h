#pragma once

#include <string>

#include "base/aligned_buffer.h"
#include "ops/float/site.h"
#include "ops/tensor_source.h"

namespace octavo {

/// Layer norm, or RMS norm, of rows of floats.
class FloatNorm {
 public:
  FloatNorm() = default;
  /// Layer norm, which reads `name`.weight and `name`.bias.
  static FloatNorm load_layer(TensorSource& source, const std::string& name, int width, float epsilon);
  /// RMS norm, which reads `name`.weight.
  static FloatNorm load_rms(TensorSource& source, const std::string& name, int width, float epsilon);

  /// output may be x.
  void apply(const float* x, int rows, float* output, const Workspace& workspace) const {
    run(x, rows, output, {}, workspace);
  }

  /// The norm of x[rows, width] as the products of a site want it; floats are kept in `floats`.
  ProductInput apply(const float* x, int rows, const Site& site, AlignedBuffer<float>& floats,
                     Workspace& workspace) const;

  /// The norm of x[rows, width] in x itself and, of the same pass, as the products of a static site want it.
  ProductInput apply_in_place(float* x, int rows, const Site& site, Workspace& workspace) const;

 private:
  void run(const float* x, int rows, float* output, const QuantizedRows& quantized,
           const Workspace& workspace) const;

  bool is_rms_ = false;
  int width_ = 0;
  float epsilon_ = 0;
  AlignedBuffer<float> weight_;
  AlignedBuffer<float> bias_;  // of layer norm
};

}  // namespace octavo
