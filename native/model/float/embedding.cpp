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
  const bool is_int8 = source.plan != nullptr;
  std::optional<Precision> tied;
  if (config.output_weight() == config.embedding_weight(side))
    tied = is_int8 && source.plan->is_int8("output") ? Precision::int8 : Precision::float32;
  embedding.tokens_ = Embedding::load(source.weights, source.kernels,
                                      {.weight = config.embedding_weight(side),
                                       .positions = positions,
                                       .tokens = config.vocab_size(side),
                                       .width = config.d_model,
                                       .position_rows = config.max_positions + config.position_offset,
                                       .position_offset = config.position_offset},
                                      scale, is_int8 ? Precision::int8 : Precision::float32, tied);
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
