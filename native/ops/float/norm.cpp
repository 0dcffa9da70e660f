#include "ops/float/norm.h"

#include <algorithm>

namespace octavo {

FloatNorm FloatNorm::load_layer(TensorSource& source, const std::string& name, int width, float epsilon) {
  FloatNorm norm = load_rms(source, name, width, epsilon);
  norm.is_rms_ = false;
  const auto size = static_cast<std::size_t>(width);
  std::copy_n(load_f32(source, name + ".bias", size), width, norm.bias_.ensure(size));
  return norm;
}

FloatNorm FloatNorm::load_rms(TensorSource& source, const std::string& name, int width, float epsilon) {
  FloatNorm norm;
  norm.is_rms_ = true;
  norm.width_ = width;
  norm.epsilon_ = epsilon;
  const auto size = static_cast<std::size_t>(width);
  std::copy_n(load_f32(source, name + ".weight", size), width, norm.weight_.ensure(size));
  return norm;
}

ProductInput FloatNorm::apply(const float* x, int rows, const Site& site, AlignedBuffer<float>& floats,
                              Workspace& workspace) const {
  if (site.is_fused()) {
    run(x, rows, nullptr, site.target(rows, workspace.quantized), workspace);
    return site.stored(rows, workspace.quantized);
  }
  float* normalized = floats.ensure(static_cast<std::size_t>(rows) * static_cast<std::size_t>(width_));
  apply(x, rows, normalized, workspace);
  return site.prepare(normalized, rows, workspace);
}

ProductInput FloatNorm::apply_in_place(float* x, int rows, const Site& site, Workspace& workspace) const {
  run(x, rows, x, site.target(rows, workspace.quantized), workspace);
  ProductInput input = site.stored(rows, workspace.quantized);
  input.values = x;
  input.stride = width_;
  return input;
}

void FloatNorm::run(const float* x, int rows, float* output, const QuantizedRows& quantized,
                    const Workspace& workspace) const {
  const KernelTable& kernels = *workspace.kernels;
  if (is_rms_) {
    kernels.rms_norm(x, rows, width_, weight_.data(), epsilon_, output, quantized);
  } else {
    kernels.layer_norm(x, rows, width_, weight_.data(), bias_.data(), epsilon_, output, quantized);
  }
}

}  // namespace octavo
