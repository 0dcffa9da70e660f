#include "ops/float/layer_norm.h"

#include <algorithm>

namespace octavo {

LayerNorm LayerNorm::load(TensorSource& source, const std::string& name, int width, float epsilon) {
  LayerNorm norm;
  norm.width_ = width;
  norm.epsilon_ = epsilon;
  const auto size = static_cast<std::size_t>(width);
  std::copy_n(load_f32(source, name + ".weight", size), width, norm.weight_.ensure(size));
  std::copy_n(load_f32(source, name + ".bias", size), width, norm.bias_.ensure(size));
  return norm;
}

ProductInput LayerNorm::apply(const float* x, int rows, const Site& site, AlignedBuffer<float>& floats,
                              Workspace& workspace) const {
  if (site.is_fused()) {
    workspace.kernels->layer_norm(x, rows, width_, weight_.data(), bias_.data(), epsilon_, nullptr,
                                  site.target(rows, workspace.quantized));
    return site.stored(rows, workspace.quantized);
  }
  float* normalized = floats.ensure(static_cast<std::size_t>(rows) * static_cast<std::size_t>(width_));
  apply(x, rows, normalized, workspace);
  return site.prepare(normalized, rows, workspace);
}

ProductInput LayerNorm::apply_in_place(float* x, int rows, const Site& site, Workspace& workspace) const {
  workspace.kernels->layer_norm(x, rows, width_, weight_.data(), bias_.data(), epsilon_, x,
                                site.target(rows, workspace.quantized));
  ProductInput input = site.stored(rows, workspace.quantized);
  input.values = x;
  input.stride = width_;
  return input;
}

}  // namespace octavo
