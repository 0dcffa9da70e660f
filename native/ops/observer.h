#pragma once

#include <cstddef>
#include <string>

namespace octavo {

/// Sees the floats of a float32 model's sites (octavo.plan) while it runs.
class Observer {
 public:
  virtual ~Observer() = default;
  /// x[rows, width], rows `stride` floats apart, valid during the call.
  virtual void observe(const std::string& site, const float* x, int rows, int width,
                       std::ptrdiff_t stride) = 0;
};

}  // namespace octavo
