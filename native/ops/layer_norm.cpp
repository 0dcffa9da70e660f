#include "ops/layer_norm.h"

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

}  // namespace octavo
