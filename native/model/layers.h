#pragma once

#include <string>

#include "model/config.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"

namespace octavo {

/// What every layer is built from.
struct LayerSource {
  Weights& weights;
  const KernelTable& kernels;
  const TransformerConfig& config;
  Precision precision;
};

/// Multi-head attention: projections and the norm of its sublayer. Keys and values are one product, so that
/// a row of its output is one row of the cache.
struct Attention {
  Linear query;
  Linear key_value;
  Linear output;
  LayerNorm norm;

  static Attention load(const LayerSource& source, const std::string& name);
};

struct FeedForward {
  Linear inner;
  Linear outer;
  LayerNorm norm;

  static FeedForward load(const LayerSource& source, const std::string& name);
};

/// x = x + sublayer(norm(x)) or x = norm(x + sublayer(x)), in place on x[rows, d_model].
/// sublayer(input, residual_epilogue) ends in a product that writes through the epilogue it is given.
template <class Sublayer>
void residual_sublayer(const TransformerConfig& config, const LayerNorm& norm, float* x, int rows,
                       Workspace& workspace, Sublayer sublayer) {
  const auto size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(config.d_model);
  const Epilogue add{
      .residual = x, .residual_stride = config.d_model, .output = x, .output_stride = config.d_model};
  if (config.pre_norm) {
    float* normalized = workspace.normalized.ensure(size);
    norm.apply(x, rows, normalized, workspace);
    sublayer(normalized, add);
  } else {
    sublayer(x, add);
    norm.apply(x, rows, x, workspace);
  }
}

/// The whole feed-forward sublayer, in place on x[rows, d_model].
void feed_forward(const TransformerConfig& config, const FeedForward& layer, Precision precision, float* x,
                  int rows, Workspace& workspace);

/// output[rows, linear.outputs()] = linear(input), in its plainest form.
void project(const Linear& linear, const ProductInput& input, float* output, Workspace& workspace);

/// The constant part of one attention call.
AttendRow attention_job(const TransformerConfig& config, int keys, Workspace& workspace);

}  // namespace octavo
