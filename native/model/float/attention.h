#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/layer_source.h"
#include "ops/float/linear.h"

namespace octavo {

/// Multi-head attention: projections, and how queries, keys and values are kept.
class SoftmaxAttention {
 public:
  using Job = Attend;

  /// Queries are made of rows at site `input`, keys and values of rows at site `memory`.
  SoftmaxAttention(const LayerSource& source, const std::string& name, const Site& input, const Site& memory);

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
  Site context_;
  Linear query_;
  Linear key_;
  Linear value_;
  Linear output_;
};

}  // namespace octavo
