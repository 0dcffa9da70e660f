#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/number_system.h"
#include "ops/float/embedding.h"
#include "ops/float/layer_norm.h"
#include "ops/float/linear.h"

namespace octavo {

/// A side's token embeddings plus positions and, where the model has one, their norm: the residual stream.
class FloatEmbedding {
 public:
  FloatEmbedding() = default;
  /// `side`: "encoder" or "decoder".
  static FloatEmbedding load(const LayerSource& source, const std::string& side);

  /// Rows [tokens.size(), d_model] of tokens at positions, in the workspace.
  float* embed(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions,
               Workspace& workspace) const;

 private:
  std::string name_;
  int width_ = 0;
  Embedding tokens_;
  bool has_norm_ = false;
  LayerNorm norm_;
};

/// Multi-head attention: projections, the norm of its sublayer, and how queries, keys and values are kept.
class Attention {
 public:
  /// Self-attention, whose keys and values are made from its own input.
  static Attention load_self(const LayerSource& source, const std::string& name);
  /// Attention to rows at site `memory`.
  static Attention load_cross(const LayerSource& source, const std::string& name, const Site& memory);

  const std::string& name() const { return name_; }
  const LayerNorm& norm() const { return norm_; }
  const Site& input() const { return input_; }

  const PageLayout& layout() const { return layout_; }
  /// Makes a key and a value of every row of the input and keeps them: row r at positions[r] of pages[r].
  void keep_keys_values(const ProductInput& input, std::byte* const* pages, const std::uint8_t* positions,
                        Workspace& workspace) const;
  /// Makes every row's query, in the workspace, and room for its context.
  void project_queries(const ProductInput& input, Workspace& workspace) const;
  /// Queries [first, first + job.queries) attend to the pages of `job`, which says what they see.
  void attend(int first, Attend job, Workspace& workspace) const;
  /// The weights that one head of the same queries gives all positions, in the workspace.
  HeadWeights weigh(int first, Attend job, int head, Workspace& workspace) const;
  /// The output projection of all contexts.
  void project_output(int rows, const Epilogue& epilogue, Workspace& workspace) const;

 private:
  static Attention load(const LayerSource& source, const std::string& name, const Site* memory);
  void load_scales(const LayerSource& source);
  void prepare(int first, Attend& job, Workspace& workspace) const;
  void observe_keys_values(const std::byte* keys, const std::byte* values, int rows,
                           Workspace& workspace) const;
  void observe_weights(const Attend& job, Workspace& workspace) const;

  std::string name_;
  int heads_ = 0;
  int head_dim_ = 0;
  bool scores_int8_ = false;
  bool context_int8_ = false;
  PageLayout layout_;
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

  const std::string& name() const { return name_; }
  const LayerNorm& norm() const { return norm_; }
  const Site& input() const { return input_; }

  void apply(const ProductInput& input, const Epilogue& add, Workspace& workspace) const;

 private:
  std::string name_;
  Activation activation_ = Activation::relu;
  Site input_;
  Site hidden_;
  Linear inner_;
  Linear outer_;
  LayerNorm norm_;
};

/// The residual stream x[rows, d_model] on its way through the sublayers of a stack:
/// x = x + sublayer(norm(x)) or x = norm(x + sublayer(x)).
class ResidualStream {
 public:
  ResidualStream(const TransformerConfig& config, float* x, int rows, Workspace& workspace)
      : pre_norm_(config.pre_norm), width_(config.d_model), x_(x), rows_(rows), workspace_(&workspace) {}

  /// What the next sublayer's products read, at `site`; `norm` belongs to that sublayer.
  ProductInput enter(const LayerNorm& norm, const Site& site);

  /// A sublayer ends in a product that writes through this.
  Epilogue add() const {
    return {.residual = x_, .residual_stride = width_, .output = x_, .output_stride = width_};
  }

  /// After a sublayer: its name and norm, and the site to be entered next.
  void leave(const std::string& name, const LayerNorm& norm, const Site& next);

 private:
  bool pre_norm_;
  int width_;
  float* x_;
  int rows_;
  Workspace* workspace_;
  const Site* prepared_site_ = nullptr;
  ProductInput prepared_;
};

}  // namespace octavo
