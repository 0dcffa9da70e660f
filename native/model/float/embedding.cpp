#include "model/float/embedding.h"

#include <cmath>

#include "model/float/rows.h"

namespace octavo {

FloatEmbedding FloatEmbedding::load(const LayerSource& source, const std::string& side) {
  FloatEmbedding embedding;
  const TransformerConfig& config = source.config;
  embedding.name_ = side + ".embedding";
  embedding.width_ = config.d_model;
  const float scale =
      config.scale_embeddings ? static_cast<float>(std::sqrt(static_cast<double>(config.d_model))) : 1.0f;
  const std::string positions =
      config.positions == Positions::learned ? side + ".positions.weight" : "positions";
  embedding.tokens_ =
      Embedding::load(source.weights, config.embedding_weight(side), config.vocab_size(side), positions,
                      config.max_positions + config.position_offset, config.position_offset, config.d_model,
                      scale, source.plan == nullptr ? Precision::float32 : Precision::int8);
  embedding.has_norm_ = config.embedding_norm;
  if (config.embedding_norm) {
    embedding.norm_ = FloatRows::load_norm(source, side + ".embedding_norm");
  }
  return embedding;
}

float* FloatEmbedding::embed(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions,
                             Workspace& workspace) const {
  const int rows = static_cast<int>(tokens.size());
  const auto width = static_cast<std::size_t>(width_);
  float* x = workspace.states.ensure(tokens.size() * width);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens_.lookup(tokens[i], positions[i], x + i * width, workspace);
  }
  if (has_norm_) norm_.apply(x, rows, x, workspace);
  if (workspace.observer != nullptr) workspace.observer->observe(name_, x, rows, width_, width_);
  return x;
}

}  // namespace octavo
