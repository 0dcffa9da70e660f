#pragma once

#include <string>
#include <vector>

#include "model/number_system.h"
#include "model/packed_tokens.h"
#include "model/sentence_rows.h"

namespace octavo {

/// The encoder stack over a number system.
template <NumberSystem Numbers>
class Encoder {
 public:
  static Encoder load(const LayerSource& source);

  /// The encoder's output [source.size(), d_model], as products read it, valid until the workspace is used
  /// for another stack.
  ProductInput forward(const PackedTokens& source, Workspace& workspace) const;

  /// That output, as the cross-attention of every decoder layer reads it.
  const typename Numbers::Site& output() const { return output_; }

 private:
  struct Layer {
    typename Numbers::Attention self_attention;
    typename Numbers::FeedForward feed_forward;
  };

  void self_attention(const typename Numbers::Attention& attention, const PackedTokens& source,
                      const ProductInput& input, const typename Numbers::Target& add,
                      Workspace& workspace) const;

  TransformerConfig config_;
  typename Numbers::Embedding embedding_;
  std::vector<Layer> layers_;
  typename Numbers::Norm norm_;
  typename Numbers::Site output_;
};

template <NumberSystem Numbers>
Encoder<Numbers> Encoder<Numbers>::load(const LayerSource& source) {
  Encoder encoder;
  const TransformerConfig& config = source.config;
  encoder.config_ = config;
  encoder.embedding_ = Numbers::load_embedding(source, "encoder");
  for (int i = 0; i < config.encoder_layers; ++i) {
    const std::string name = "encoder.layers." + std::to_string(i);
    encoder.layers_.push_back(
        {.self_attention = Numbers::Attention::load_self(source, name + ".self_attention"),
         .feed_forward = Numbers::FeedForward::load(source, name + ".feed_forward")});
  }
  if (config.pre_norm) encoder.norm_ = Numbers::load_norm(source, "encoder.norm");
  std::vector<std::string> readers;
  for (int i = 0; i < config.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i) + ".cross_attention";
    readers.insert(readers.end(), {name + ".key", name + ".value"});
  }
  encoder.output_ = Numbers::load_site(source, "encoder.output", readers);
  return encoder;
}

template <NumberSystem Numbers>
ProductInput Encoder<Numbers>::forward(const PackedTokens& source, Workspace& workspace) const {
  workspace.positions.clear();
  for (int s = 0; s < source.sentences(); ++s) {
    for (int i = 0; i < source.length(s); ++i) workspace.positions.push_back(i);
  }
  auto* x = embedding_.embed(source.tokens, workspace.positions, workspace);
  typename Numbers::ResidualStream stream(config_, x, source.size(), workspace);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto& attention = layers_[i].self_attention;
    const auto& feed_forward = layers_[i].feed_forward;
    self_attention(attention, source, stream.enter(attention.norm(), attention.input()), stream.add(),
                   workspace);
    stream.leave(attention.name(), attention.norm(), feed_forward.input());
    feed_forward.apply(stream.enter(feed_forward.norm(), feed_forward.input()), stream.add(), workspace);
    const bool last = i + 1 == layers_.size();
    stream.leave(feed_forward.name(), feed_forward.norm(),
                 last ? output_ : layers_[i + 1].self_attention.input());
  }
  return stream.enter(norm_, output_);
}

template <NumberSystem Numbers>
void Encoder<Numbers>::self_attention(const typename Numbers::Attention& attention,
                                      const PackedTokens& source, const ProductInput& input,
                                      const typename Numbers::Target& add, Workspace& workspace) const {
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
