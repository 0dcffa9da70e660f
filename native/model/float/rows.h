#pragma once

#include <string>
#include <vector>

#include "model/layer_source.h"
#include "ops/float/linear.h"
#include "ops/float/norm.h"

namespace octavo {

/// A residual stream of floats and what reads it.
struct FloatRows {
  using Site = octavo::Site;
  using Target = Epilogue;
  using Norm = FloatNorm;

  static Norm load_norm(const LayerSource& source, const std::string& name) {
    const bool is_rms = source.config.norm_function == NormFunction::rms;
    const auto load = is_rms ? FloatNorm::load_rms : FloatNorm::load_layer;
    return load(source.weights.source(), name, source.config.d_model, source.config.layer_norm_epsilon);
  }

  static Site load_site(const LayerSource& source, const std::string& name,
                        const std::vector<std::string>& readers) {
    return Site::load(source.plan, name, source.config.d_model, readers);
  }
};

enum class ProductBias : bool { none, own };

/// A weight product, whose tensors' names follow from its own.
inline Linear load_product(const LayerSource& source, const std::string& name, const Site& site, int inputs,
                           int outputs, ProductBias bias = ProductBias::own) {
  return Linear::load(source.weights, source.kernels, source.plan, name, site,
                      {.weight = name + ".weight",
                       .bias = bias == ProductBias::own ? name + ".bias" : "",
                       .inputs = inputs,
                       .outputs = outputs});
}

}  // namespace octavo
