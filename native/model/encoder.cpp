#include "model/encoder.h"

#include <cmath>

#include "model/sentence_rows.h"

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
  ResidualStream stream(config_, x, rows, workspace);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Attention& attention = layers_[i].self_attention;
    const FeedForward& feed_forward = layers_[i].feed_forward;
    self_attention(attention, source, stream.enter(attention.norm(), attention.input()), stream.add(),
                   workspace);
    stream.leave(attention.name(), attention.norm(), &feed_forward.input());
    feed_forward.apply(stream.enter(feed_forward.norm(), feed_forward.input()), config_.activation,
                       stream.add(), workspace);
    const bool last = i + 1 == layers_.size();
    stream.leave(feed_forward.name(), feed_forward.norm(),
                 last ? nullptr : &layers_[i + 1].self_attention.input());
  }
  if (config_.pre_norm) norm_.apply(x, rows, x, workspace);
}

void Encoder::self_attention(const Attention& attention, const PackedTokens& source,
                             const ProductInput& input, const Epilogue& add, Workspace& workspace) const {
  const std::size_t page_bytes = attention.layout().bytes;
  workspace.row_pages.clear();
  workspace.row_positions.clear();
  std::size_t pages = 0;
  for (int s = 0; s < source.sentences(); ++s) pages += page_count(source.length(s));
  std::byte* page = workspace.pages.ensure(pages * page_bytes);
  for (int s = 0; s < source.sentences(); ++s) {
    const int length = source.length(s);
    for (int i = 0; i < length; ++i) {
      workspace.row_pages.push_back(page + static_cast<std::size_t>(i / kPagePositions) * page_bytes);
      workspace.row_positions.push_back(static_cast<std::uint8_t>(i % kPagePositions));
    }
    page += page_count(length) * page_bytes;
  }
  attention.keep_keys_values(input, workspace.row_pages.data(), workspace.row_positions.data(), workspace);
  attention.project_queries(input, workspace);
  page = workspace.pages.data();
  for (int s = 0; s < source.sentences(); ++s) {
    workspace.sentence_pages.clear();
    const int length = source.length(s);
    for (std::size_t p = 0; p < page_count(length); ++p, page += page_bytes)
      workspace.sentence_pages.push_back(page);
    attention.attend(source.offsets[static_cast<std::size_t>(s)],
                     {.queries = length, .pages = workspace.sentence_pages.data(), .positions = length},
                     workspace);
  }
  attention.project_output(input.rows, add, workspace);
}

}  // namespace octavo
