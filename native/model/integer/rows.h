#pragma once

#include <string>
#include <vector>

#include "model/layer_source.h"
#include "ops/integer/linear.h"
#include "ops/integer/norm.h"

namespace octavo {

/// A residual stream of integers and what reads it: docs/numerics.md, "Integer precision".
struct IntegerRows {
  using Site = IntegerSite;
  using Target = IntegerTarget;
  using Norm = IntegerNorm;

  static Norm load_norm(const LayerSource& source, const std::string& name) {
    return IntegerNorm::load(source.weights.source(), name, source.config.d_model);
  }

  static Site load_site(const LayerSource& source, const std::string&, const std::vector<std::string>&) {
    return {.width = source.config.d_model};
  }
};

/// Integer Transformers have no relative positions.
struct NoRelativePositions {
  NoRelativePositions(const LayerSource&, const std::string&) {}
  template <class Sentences>
  void prepare(const Sentences&, Workspace&) const {}
};

/// A weight product, whose tensors' names follow from its own.
inline IntegerLinear load_product(const LayerSource& source, const std::string& name, const IntegerSite& site,
                                  int outputs) {
  return IntegerLinear::load(
      source.weights, source.kernels, name, site,
      {.weight = name + ".weight", .bias = name + ".bias", .inputs = site.width, .outputs = outputs});
}

}  // namespace octavo
