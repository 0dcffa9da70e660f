#pragma once

#include <string>
#include <vector>

#include "ops/integer/site.h"
#include "ops/tensor_source.h"
#include "ops/workspace.h"

namespace octavo {

/// L1 layer norm of the integer residual stream, to u8.
class IntegerNorm {
 public:
  IntegerNorm() = default;
  /// Reads `name`.weight, .bias and .shift.
  static IntegerNorm load(TensorSource& source, const std::string& name, int width);

  /// The norm of x[rows, width] as the products of a site want it.
  ProductInput apply(const std::int16_t* x, int rows, const IntegerSite& site, Workspace& workspace) const;

 private:
  std::vector<std::int16_t> gain_;
  std::vector<std::int32_t> bias_;
  int shift_ = 1;
};

}  // namespace octavo
