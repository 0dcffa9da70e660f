#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/layer_source.h"
#include "model/packed_tokens.h"
#include "model/sentence_rows.h"
#include "ops/workspace.h"

namespace octavo {

/// What relative positions add to the scores of a stack's self-attention: docs/numerics.md. In a model
/// without them, nothing.
class RelativePositions {
 public:
  RelativePositions(const LayerSource& source, const std::string& stack);

  /// Fills workspace.score_biases: of sentences whose tokens see one another.
  void prepare(const PackedTokens& source, Workspace& workspace) const;
  /// The same of the rows of sentences, each of which looks back.
  void prepare(std::span<SentenceRows* const> sentences, Workspace& workspace) const;

 private:
  /// The bias of a head for a key `relative` positions after its query.
  float at(int head, int relative) const;

  int heads_ = 0;
  int reach_ = 0;              // farther positions have the bias of this distance
  std::vector<float> biases_;  // [heads, 2 · reach + 1]; empty: none
};

/// The row of a bias table for a key `relative` positions after its query.
int relative_bucket(int relative, int buckets, int distance, bool bidirectional);

}  // namespace octavo
