#include "model/encoder.h"

#include <cmath>

namespace octavo {

void PackedTokens::add(const std::vector<std::int32_t>& sentence, const std::int32_t* end_token) {
  tokens.insert(tokens.end(), sentence.begin(), sentence.end());
  if (end_token != nullptr) tokens.push_back(*end_token);
  offsets.push_back(static_cast<int>(tokens.size()));
}

int PackedTokens::length(int sentence) const {
  const auto s = static_cast<std::size_t>(sentence);
  return offsets[s + 1] - offsets[s];
}

Embedding load_embedding(const LayerSource& source, const std::string& side) {
  const TransformerConfig& config = source.config;
  const bool own = side == "encoder" || !config.shared_embeddings;
  const int tokens = side == "encoder" ? config.source_vocab_size : config.target_vocab_size;
  const float scale =
      config.scale_embeddings ? static_cast<float>(std::sqrt(static_cast<double>(config.d_model))) : 1.0f;
  const std::string positions = config.learned_positions ? side + ".positions.weight" : "positions";
  return Embedding::load(source.weights, (own ? side : "encoder") + ".embedding.weight", tokens, positions,
                         config.max_positions + config.position_offset, config.position_offset,
                         config.d_model, scale, source.precision());
}

Encoder Encoder::load(const LayerSource& source) {
  Encoder encoder;
  const TransformerConfig& config = source.config;
  encoder.config_ = config;
  encoder.embedding_ = load_embedding(source, "encoder");
  const auto norm = [&](const std::string& name) {
    return LayerNorm::load(source.weights.source(), name, config.d_model, config.layer_norm_epsilon);
  };
  if (config.embedding_norm) encoder.embedding_norm_ = norm("encoder.embedding_norm");
  for (int i = 0; i < config.encoder_layers; ++i) {
    const std::string name = "encoder.layers." + std::to_string(i);
    encoder.layers_.push_back({.self_attention = Attention::load_self(source, name + ".self_attention"),
                               .feed_forward = FeedForward::load(source, name + ".feed_forward")});
  }
  if (config.pre_norm) encoder.norm_ = norm("encoder.norm");
  return encoder;
}

void Encoder::forward(const PackedTokens& source, Workspace& workspace) const {
  const int rows = source.size();
  const std::ptrdiff_t d = config_.d_model;
  float* x = workspace.states.ensure(static_cast<std::size_t>(rows * d));
  for (int s = 0; s < source.sentences(); ++s) {
    const int first = source.offsets[static_cast<std::size_t>(s)];
    for (int i = 0; i < source.length(s); ++i) {
      const std::int32_t token = source.tokens[static_cast<std::size_t>(first + i)];
      embedding_.lookup(token, i, x + (first + i) * d, workspace);
    }
  }
  if (config_.embedding_norm) embedding_norm_.apply(x, rows, x, workspace);
  if (workspace.observer != nullptr)
    workspace.observer->observe("encoder.embedding", x, rows, config_.d_model, d);
  for (const Layer& layer : layers_) {
    self_attention(layer.self_attention, source, x, workspace);
    layer.feed_forward.apply(config_, x, rows, workspace);
  }
  if (config_.pre_norm) norm_.apply(x, rows, x, workspace);
}

void Encoder::self_attention(const Attention& attention, const PackedTokens& source, float* x,
                             Workspace& workspace) const {
  const int rows = source.size();
  const std::size_t row_bytes = attention.row_bytes();
  residual_sublayer(config_, attention.name(), attention.norm(), attention.input(), x, rows, workspace,
                    [&](const ProductInput& input, const Epilogue& add) {
                      std::byte* key_value =
                          workspace.key_value.ensure(static_cast<std::size_t>(rows) * row_bytes);
                      attention.project_keys_values(input, key_value, workspace);
                      attention.project_queries(input, workspace);
                      for (int s = 0; s < source.sentences(); ++s) {
                        const int first = source.offsets[static_cast<std::size_t>(s)];
                        const int length = source.length(s);
                        const std::byte* sentence = key_value + static_cast<std::size_t>(first) * row_bytes;
                        point_at_rows(sentence, row_bytes, length, workspace.key_value_rows);
                        for (int i = first; i < first + length; ++i) attention.attend(i, length, workspace);
                      }
                      attention.project_output(rows, add, workspace);
                    });
}

}  // namespace octavo
