#pragma once

#include "model/float/rows.h"
#include "model/sublayer.h"

namespace octavo {

/// The residual stream x[rows, d_model] on its way through the sublayers of a stack:
/// x = x + sublayer(norm(x)) or x = norm(x + sublayer(x)).
class FloatResidualStream {
 public:
  FloatResidualStream(const TransformerConfig& config, float* x, int rows, Workspace& workspace)
      : pre_norm_(config.pre_norm()), width_(config.d_model), x_(x), rows_(rows), workspace_(&workspace) {}

  /// Ends the sublayer before, if there is one. Returns what the products of the next one read.
  ProductInput enter(const Sublayer<FloatRows>& sublayer);

  /// A sublayer adds to the stream through this.
  Epilogue add() const {
    return {.residual = x_, .residual_stride = width_, .output = x_, .output_stride = width_};
  }

  /// Ends the last sublayer. Returns what the products at `site` read; pre-norm, after the stack's own
  /// `norm`.
  ProductInput finish(const FloatNorm& norm, const Site& site);

 private:
  ProductInput end_sublayer(const FloatNorm& next_norm, const Site& next);

  bool pre_norm_;
  int width_;
  float* x_;
  int rows_;
  Workspace* workspace_;
  const Sublayer<FloatRows>* entered_ = nullptr;
};

}  // namespace octavo
