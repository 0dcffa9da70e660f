#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "model/layer_source.h"
#include "ops/float/embedding.h"
#include "ops/float/norm.h"

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
  FloatNorm norm_;
};

}  // namespace octavo
