#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace octavo {

/// A tensor as it lies in memory, valid until the next one is asked for. Exactly one pointer is set.
struct TensorView {
  const float* f32 = nullptr;
  const std::int8_t* s8 = nullptr;
  const std::int16_t* s16 = nullptr;
  const std::int32_t* s32 = nullptr;
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

struct IntegerRange {
  std::int64_t low;
  std::int64_t high;
};
/// The multiplier of a factor or scale: docs/numerics.md, "Scale Propagation".
inline constexpr IntegerRange kMantissas{std::int64_t{1} << 30, (std::int64_t{1} << 31) - 1};

inline constexpr IntegerRange kAllInt32{-(std::int64_t{1} << 31), (std::int64_t{1} << 31) - 1};

/// The integers of that name; throws Error as load_f32 does, and where one is not within `range`.
const std::int8_t* load_s8(TensorSource& source, const std::string& name, std::size_t size,
                           const IntegerRange& range);
const std::int16_t* load_s16(TensorSource& source, const std::string& name, std::size_t size,
                             const IntegerRange& range);
const std::int32_t* load_s32(TensorSource& source, const std::string& name, std::size_t size,
                             const IntegerRange& range);

}  // namespace octavo
