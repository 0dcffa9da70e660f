#pragma once

#include "ops/tensor_source.h"

namespace octavo {

/// The multiplier of a factor or scale: docs/numerics.md, "Scale Propagation".
inline constexpr IntegerRange kMantissas{std::int64_t{1} << 30, (std::int64_t{1} << 31) - 1};

inline constexpr IntegerRange kAllInt32{-(std::int64_t{1} << 31), (std::int64_t{1} << 31) - 1};

}  // namespace octavo
