#pragma once

#include <string>

namespace octavo {

/// Multiply-adds per second, in 10^9, of all threads together. 0: no probe for this tier.
struct Peak {
  double f32 = 0;
  double s8 = 0;
};

/// What a tier's instructions reach while `threads` threads run them at once: the machine's limit for its
/// products. Takes a fraction of a second. Throws Error for a tier that is unknown or not available here.
Peak measure_peak(const std::string& tier, int threads);

}  // namespace octavo
