#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "ops/float/plan.h"
#include "ops/products.h"
#include "ops/workspace.h"

namespace octavo {

/// A tensor that weight products read, and the form in which they want it.
class Site {
 public:
  Site() = default;
  /// `products` read it; no plan: all of them in float32.
  static Site load(const QuantizationPlan* plan, const std::string& name, int width,
                   const std::vector<std::string>& products);

  bool is_static() const { return static_; }
  const StaticScale& scale() const { return scale_; }

  /// No reader takes floats and the scale is known: the producer may store u8 at once.
  bool is_fused() const { return static_ && !wants_floats_; }
  /// Where the producer of a fused site stores its rows.
  QuantizedRows target(int rows, AlignedBuffer<std::uint8_t>& buffer) const;
  /// What it stored there.
  ProductInput stored(int rows, const AlignedBuffer<std::uint8_t>& buffer) const;

  /// Makes x[rows, width] ready for the products, quantizing into the workspace where they want it.
  ProductInput prepare(const float* x, int rows, Workspace& workspace) const;

 private:
  std::ptrdiff_t stride() const;

  std::string name_;
  int width_ = 0;
  bool wants_floats_ = true;
  bool wants_u8_ = false;
  bool static_ = false;
  StaticScale scale_;
  AlignedBuffer<float> inverse_;  // 1 / scale for every column, padded for epilogues
};

}  // namespace octavo
