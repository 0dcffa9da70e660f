#pragma once

#include <string_view>

namespace octavo::testing {

/// Multiply-accumulates per second (in 10^9) that the instructions of a tier's products reach on registers
/// alone.
struct Peak {
  double f32 = 0;  // 0: no probe for this tier
  double s8 = 0;
};

Peak measure_peak(std::string_view tier);

}  // namespace octavo::testing
