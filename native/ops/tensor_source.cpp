#include "ops/tensor_source.h"

#include "base/errors.h"

namespace octavo {

namespace {

void check_size(const std::string& name, std::size_t found, std::size_t size) {
  if (found == size) return;
  throw Error("tensor '" + name + "' has " + std::to_string(found) + " elements, not " +
              std::to_string(size));
}

template <typename T>
const T* checked(const T* values, const std::string& name, const TensorView& view, std::size_t size,
                 const IntegerRange& range) {
  if (values == nullptr) throw Error("tensor '" + name + "' is not int" + std::to_string(8 * sizeof(T)));
  check_size(name, view.size, size);
  for (std::size_t i = 0; i < size; ++i) {
    if (values[i] >= range.low && values[i] <= range.high) continue;
    throw Error("tensor '" + name + "' holds " + std::to_string(values[i]) + ", which is not within " +
                std::to_string(range.low) + " to " + std::to_string(range.high));
  }
  return values;
}

}  // namespace

const float* load_f32(TensorSource& source, const std::string& name, std::size_t size) {
  const TensorView view = source.tensor(name);
  if (view.f32 == nullptr) throw Error("tensor '" + name + "' is not float32");
  check_size(name, view.size, size);
  return view.f32;
}

const std::int8_t* load_s8(TensorSource& source, const std::string& name, std::size_t size,
                           const IntegerRange& range) {
  const TensorView view = source.tensor(name);
  return checked(view.s8, name, view, size, range);
}

const std::int16_t* load_s16(TensorSource& source, const std::string& name, std::size_t size,
                             const IntegerRange& range) {
  const TensorView view = source.tensor(name);
  return checked(view.s16, name, view, size, range);
}

const std::int32_t* load_s32(TensorSource& source, const std::string& name, std::size_t size,
                             const IntegerRange& range) {
  const TensorView view = source.tensor(name);
  return checked(view.s32, name, view, size, range);
}

}  // namespace octavo
