#pragma once

#include <cstdint>

#include "model/integer/rows.h"
#include "model/sublayer.h"

namespace octavo {

/// The residual stream x[rows, d_model] on its way through the sublayers of a stack: x = x +
/// sublayer(norm(x)).
class IntegerResidualStream {
 public:
  IntegerResidualStream(const TransformerConfig& config, std::int16_t* x, int rows, Workspace& workspace)
      : width_(config.d_model), x_(x), rows_(rows), workspace_(&workspace) {}

  /// What the products of the next sublayer read.
  ProductInput enter(const Sublayer<IntegerRows>& sublayer) {
    return finish(sublayer.norm(), sublayer.input());
  }

  /// A sublayer ends in a product that writes through this.
  IntegerTarget add() const { return {.residual = x_, .stride = width_}; }

  /// What the products at `site` read, after the stack's own `norm`.
  ProductInput finish(const IntegerNorm& norm, const IntegerSite& site) {
    return norm.apply(x_, rows_, site, *workspace_);
  }

 private:
  int width_;
  std::int16_t* x_;
  int rows_;
  Workspace* workspace_;
};

}  // namespace octavo
