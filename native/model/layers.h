#pragma once

#include <string>
#include <vector>

#include "model/config.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"

namespace octavo {

/// What every layer is built from. No plan: everything runs in float32.
struct LayerSource {
  Weights& weights;
  const KernelTable& kernels;
  const TransformerConfig& config;
  const QuantizationPlan* plan;

  Precision precision() const { return plan == nullptr ? Precision::float32 : Precision::int8; }
};

/// The names of a weight product's tensors follow from its own.
Linear load_linear(const LayerSource& source, const std::string& product, const Site& site, int inputs,
                   int outputs);

/// Multi-head attention: projections, the norm of its sublayer, and how queries, keys and values are kept. A
/// row of keys and values is bytes: the keys, then the values, each floats or u8.
class Attention {
 public:
  /// Self-attention, whose keys and values are made from its own input.
  static Attention load_self(const LayerSource& source, const std::string& name);
  /// Attention to rows at site `memory`.
  static Attention load_cross(const LayerSource& source, const std::string& name, const Site& memory);

  const std::string& name() const { return name_; }
  const LayerNorm& norm() const { return norm_; }
  const Site& input() const { return input_; }

  std::size_t row_bytes() const { return row_bytes_; }
  /// Writes a row of keys and values for every row of the input.
  void project_keys_values(const ProductInput& input, std::byte* rows, Workspace& workspace) const;
  /// Makes every row's query, in the workspace, and room for its context.
  void project_queries(const ProductInput& input, Workspace& workspace) const;
  /// Attends from query `row` to the first `count` of workspace.key_value_rows.
  void attend(int row, int count, Workspace& workspace) const;
  /// The output projection of all contexts.
  void project_output(int rows, const Epilogue& epilogue, Workspace& workspace) const;

 private:
  static Attention load(const LayerSource& source, const std::string& name, const Site* memory);
  void load_scales(const LayerSource& source);
  void observe_weights(AttendRow job, Workspace& workspace) const;

  std::string name_;
  int heads_ = 0;
  int head_dim_ = 0;
  bool scores_int8_ = false;
  bool context_int8_ = false;
  std::ptrdiff_t value_offset_ = 0;  // bytes into a row
  std::size_t row_bytes_ = 0;
  AlignedBuffer<float> query_inverse_;  // 1 / scale for every column
  AlignedBuffer<float> key_inverse_;
  AlignedBuffer<float> value_inverse_;
  std::vector<float> score_scale_;  // for every head
  std::vector<float> value_scale_;
  Site input_;
  Site context_;
  Linear query_;
  Linear key_;
  Linear value_;
  Linear output_;
  LayerNorm norm_;
};

/// The feed-forward sublayer.
class FeedForward {
 public:
  static FeedForward load(const LayerSource& source, const std::string& name);

  /// In place on x[rows, d_model].
  void apply(const TransformerConfig& config, float* x, int rows, Workspace& workspace) const;

 private:
  std::string name_;
  Site input_;
  Site hidden_;
  Linear inner_;
  Linear outer_;
  LayerNorm norm_;
};

/// pointers[j] = row j of `count` rows that lie `row_bytes` apart.
void point_at_rows(const std::byte* rows, std::size_t row_bytes, int count,
                   std::vector<const std::byte*>& pointers);

/// x = x + sublayer(norm(x)) or x = norm(x + sublayer(x)), in place on x[rows, d_model].
/// sublayer(input, residual_epilogue) ends in a product that writes through the epilogue it is given.
template <class Sublayer>
void residual_sublayer(const TransformerConfig& config, const std::string& name, const LayerNorm& norm,
                       const Site& site, float* x, int rows, Workspace& workspace, Sublayer sublayer) {
  const Epilogue add{
      .residual = x, .residual_stride = config.d_model, .output = x, .output_stride = config.d_model};
  if (config.pre_norm) {
    sublayer(norm.apply(x, rows, site, workspace.normalized, workspace), add);
  } else {
    sublayer(site.prepare(x, rows, workspace), add);
  }
  if (workspace.observer != nullptr) {
    workspace.observer->observe(name + ".residual", x, rows, config.d_model, config.d_model);
  }
  if (!config.pre_norm) norm.apply(x, rows, x, workspace);
}

}  // namespace octavo
