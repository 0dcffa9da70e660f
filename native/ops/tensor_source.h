#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace octavo {

/// A tensor as it lies in memory, valid until the next one is asked for. Exactly one pointer is set.
struct TensorView {
  const float* f32 = nullptr;
  const std::int8_t* s8 = nullptr;
  std::size_t size = 0;  // elements
};

/// Where a model's tensors come from, one at a time. Names are those of the model file.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual TensorView tensor(const std::string& name) = 0;
};

/// The float tensor of that name; throws Error unless it has `size` elements.
const float* load_f32(TensorSource& source, const std::string& name, std::size_t size);

}  // namespace octavo
