#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/cross_attention.h"
#include "model/packed_tokens.h"

namespace octavo {

/// The decoder stack over a number system.
template <NumberSystem Numbers>
class Decoder {
 public:
  /// `memory` is the encoder's output; null in a language model, whose layers have no cross-attention.
  Decoder(const LayerSource& source, const typename Numbers::Rows::Site* memory);

  DecoderCache make_cache() const { return cache_.make(); }

  /// Makes the cross-attention's keys and values of the encoder's output, and the first row of every
  /// sentence.
  std::vector<SentenceRows> begin(const PackedTokens& source, const ProductInput& memory,
                                  Workspace& workspace, DecoderCache& cache) const;

  /// See Stacks.
  ProductInput step(std::span<SentenceRows* const> sentences, Workspace& workspace) const;

  const OutputProjection& output() const { return output_; }

 private:
  struct Layer {
    std::unique_ptr<const DecoderMixer<typename Numbers::Rows>> mixer;
    std::optional<CrossAttention<Numbers>> cross_attention;
    std::unique_ptr<const FeedForward<typename Numbers::Rows>> feed_forward;
  };

  auto* embed(std::span<SentenceRows* const> sentences, Workspace& workspace) const;

  TransformerConfig config_;
  typename Numbers::Embedding embedding_;
  typename Numbers::RelativePositions relative_positions_;
  std::vector<Layer> layers_;
  DecoderCacheSize cache_;
  typename Numbers::Rows::Norm norm_;  // pre-norm
  typename Numbers::Rows::Site output_input_;
  OutputProjection output_;
};

template <NumberSystem Numbers>
Decoder<Numbers>::Decoder(const LayerSource& source, const typename Numbers::Rows::Site* memory)
    : config_(source.config),
      embedding_(Numbers::load_embedding(source, "decoder")),
      relative_positions_(source, "decoder") {
  for (int i = 0; i < config_.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i);
    Layer& layer = layers_.emplace_back();
    layer.mixer = Numbers::load_mixer(source, name, cache_);
    if (memory != nullptr) {
      layer.cross_attention.emplace(source, name + ".cross_attention", i, *memory, cache_);
    }
    layer.feed_forward = Numbers::load_feed_forward(source, name + ".feed_forward");
  }
  if (config_.pre_norm()) norm_ = Numbers::Rows::load_norm(source, "decoder.norm");
  output_input_ = Numbers::Rows::load_site(source, "decoder.output", {"output"});
  output_ = Numbers::load_output(source, output_input_);
}

template <NumberSystem Numbers>
std::vector<SentenceRows> Decoder<Numbers>::begin(const PackedTokens& source, const ProductInput& memory,
                                                  Workspace& workspace, DecoderCache& cache) const {
  std::vector<SentenceRows> sentences;
  std::vector<std::byte*> page;
  std::vector<std::uint8_t> position;
  for (int s = 0; s < source.sentences(); ++s) {
    const int length = source.length(s);
    PageList pages(cache.source);
    pages.extend(page_count(length));
    for (int i = 0; i < length; ++i) {
      page.push_back(pages.pages()[static_cast<std::size_t>(i / kPagePositions)]);
      position.push_back(static_cast<std::uint8_t>(i % kPagePositions));
    }
    sentences.emplace_back(std::move(pages), length, cache, config_.decoder_start_id);
  }
  for (const Layer& layer : layers_) layer.cross_attention->keep(memory, page, position.data(), workspace);
  return sentences;
}

template <NumberSystem Numbers>
auto* Decoder<Numbers>::embed(std::span<SentenceRows* const> sentences, Workspace& workspace) const {
  workspace.tokens.clear();
  workspace.positions.clear();
  for (const SentenceRows* sentence : sentences) {
    workspace.tokens.insert(workspace.tokens.end(), sentence->token().begin(), sentence->token().end());
    workspace.positions.resize(workspace.tokens.size(), sentence->length() - 1);
  }
  return embedding_.embed(workspace.tokens, workspace.positions, workspace);
}

template <NumberSystem Numbers>
ProductInput Decoder<Numbers>::step(std::span<SentenceRows* const> sentences, Workspace& workspace) const {
  auto* x = embed(sentences, workspace);
  typename Numbers::ResidualStream stream(config_, x, static_cast<int>(workspace.tokens.size()), workspace);
  relative_positions_.prepare(sentences, workspace);
  for (const auto& [mixer, cross_attention, feed_forward] : layers_) {
    mixer->apply(sentences, stream.enter(*mixer), stream.add(), workspace);
    if (cross_attention.has_value()) {
      cross_attention->apply(sentences, stream.enter(*cross_attention), stream.add(), workspace);
    }
    feed_forward->apply(stream.enter(*feed_forward), stream.add(), workspace);
  }
  return stream.finish(norm_, output_input_);
}

}  // namespace octavo
