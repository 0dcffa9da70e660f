#include "ops/tensor_source.h"

#include "base/errors.h"

namespace octavo {

const float* load_f32(TensorSource& source, const std::string& name, std::size_t size) {
  const TensorView view = source.tensor(name);
  if (view.f32 == nullptr) throw Error("tensor '" + name + "' is not float32");
  if (view.size != size) {
    throw Error("tensor '" + name + "' has " + std::to_string(view.size) + " elements, not " +
                std::to_string(size));
  }
  return view.f32;
}

}  // namespace octavo
