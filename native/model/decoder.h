#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/number_system.h"
#include "model/stacks.h"

namespace octavo {

/// The decoder stack over a number system.
template <NumberSystem Numbers>
class Decoder {
 public:
  /// `memory` is the encoder's output; null in a language model, whose layers have no cross-attention.
  static Decoder load(const LayerSource& source, const typename Numbers::Site* memory);

  DecoderCache make_cache() const { return {PagePool(source_page_bytes_), PagePool(own_page_bytes_)}; }

  /// Makes the cross-attention's keys and values of the encoder's output, and the first row of every
  /// sentence.
  std::vector<SentenceRows> begin(const PackedTokens& source, const ProductInput& memory,
                                  Workspace& workspace, DecoderCache& cache) const;

  /// See Stacks.
  ProductInput step(std::span<SentenceRows* const> sentences, Workspace& workspace) const;

  const OutputProjection& output() const { return output_; }

 private:
  struct Layer {
    typename Numbers::Attention self_attention;
    std::optional<typename Numbers::Attention> cross_attention;
    typename Numbers::FeedForward feed_forward;
    std::size_t own_offset;  // where its part of a page begins
    std::size_t source_offset;
  };

  auto* embed(std::span<SentenceRows* const> sentences, Workspace& workspace) const;
  void self_attention(const Layer& layer, std::span<SentenceRows* const> sentences, const ProductInput& input,
                      const typename Numbers::Target& add, Workspace& workspace) const;
  void cross_attention(std::size_t layer, std::span<SentenceRows* const> sentences, const ProductInput& input,
                       const typename Numbers::Target& add, Workspace& workspace) const;
  void let_listen(std::size_t layer, int first, const SentenceRows& sentence, Workspace& workspace) const;

  TransformerConfig config_;
  typename Numbers::Embedding embedding_;
  std::vector<Layer> layers_;
  std::size_t own_page_bytes_ = 0;
  std::size_t source_page_bytes_ = 0;
  typename Numbers::Norm norm_;
  typename Numbers::Site output_input_;
  OutputProjection output_;
};

/// A layer's part of each page.
inline void point_at_pages(std::span<std::byte* const> pages, std::size_t offset, Workspace& workspace) {
  workspace.sentence_pages.clear();
  for (const std::byte* page : pages) workspace.sentence_pages.push_back(page + offset);
}

template <NumberSystem Numbers>
Decoder<Numbers> Decoder<Numbers>::load(const LayerSource& source, const typename Numbers::Site* memory) {
  Decoder decoder;
  const TransformerConfig& config = source.config;
  decoder.config_ = config;
  decoder.embedding_ = Numbers::load_embedding(source, "decoder");
  for (int i = 0; i < config.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i);
    decoder.layers_.push_back(
        {.self_attention = Numbers::Attention::load_self(source, name + ".self_attention"),
         .cross_attention = std::nullopt,
         .feed_forward = Numbers::FeedForward::load(source, name + ".feed_forward"),
         .own_offset = decoder.own_page_bytes_,
         .source_offset = decoder.source_page_bytes_});
    Layer& layer = decoder.layers_.back();
    decoder.own_page_bytes_ += layer.self_attention.layout().bytes;
    if (memory == nullptr) continue;
    layer.cross_attention = Numbers::Attention::load_cross(source, name + ".cross_attention", *memory);
    decoder.source_page_bytes_ += layer.cross_attention->layout().bytes;
  }
  if (config.pre_norm) decoder.norm_ = Numbers::load_norm(source, "decoder.norm");
  decoder.output_input_ = Numbers::load_site(source, "decoder.output", {"output"});
  decoder.output_ = Numbers::load_output(source, decoder.output_input_);
  return decoder;
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
    sentences.emplace_back(std::move(pages), length, cache.own, config_.decoder_start_id);
  }
  std::size_t offset = 0;
  for (const Layer& layer : layers_) {
    for (std::byte*& start : page) start += layer.source_offset - offset;
    offset = layer.source_offset;
    layer.cross_attention->keep_keys_values(memory, page.data(), position.data(), workspace);
  }
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
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const auto& self = layer.self_attention;
    self_attention(layer, sentences, stream.enter(self.norm(), self.input()), stream.add(), workspace);
    const auto* attention = &self;  // the last before the feed-forward sublayer
    if (layer.cross_attention.has_value()) {
      attention = &*layer.cross_attention;
      stream.leave(self.name(), self.norm(), attention->input());
      cross_attention(i, sentences, stream.enter(attention->norm(), attention->input()), stream.add(),
                      workspace);
    }
    const auto& feed_forward = layer.feed_forward;
    stream.leave(attention->name(), attention->norm(), feed_forward.input());
    feed_forward.apply(stream.enter(feed_forward.norm(), feed_forward.input()), stream.add(), workspace);
    const bool last = i + 1 == layers_.size();
    stream.leave(feed_forward.name(), feed_forward.norm(),
                 last ? output_input_ : layers_[i + 1].self_attention.input());
  }
  return stream.enter(norm_, output_input_);
}

template <NumberSystem Numbers>
void Decoder<Numbers>::self_attention(const Layer& layer, std::span<SentenceRows* const> sentences,
                                      const ProductInput& input, const typename Numbers::Target& add,
                                      Workspace& workspace) const {
  const auto& attention = layer.self_attention;
  workspace.row_pages.clear();
  workspace.row_positions.clear();
  for (const SentenceRows* sentence : sentences) {
    for (int r = 0; r < sentence->rows(); ++r) {
      const int position = sentence->own_position(r);
      std::byte* page = sentence->pages()[static_cast<std::size_t>(position / kPagePositions)];
      workspace.row_pages.push_back(page + layer.own_offset);
      workspace.row_positions.push_back(static_cast<std::uint8_t>(position % kPagePositions));
    }
  }
  attention.keep_keys_values(input, workspace.row_pages.data(), workspace.row_positions.data(), workspace);
  attention.project_queries(input, workspace);
  int first = 0;
  for (const SentenceRows* sentence : sentences) {
    point_at_pages(sentence->pages(), layer.own_offset, workspace);
    attention.attend(first,
                     {.queries = sentence->rows(),
                      .pages = workspace.sentence_pages.data(),
                      .positions = sentence->positions(),
                      .order = sentence->order(),
                      .order_stride = sentence->length(),
                      .counts = sentence->counts(),
                      .visible = sentence->visible(),
                      .visible_stride = static_cast<std::ptrdiff_t>(sentence->pages().size())},
                     workspace);
    first += sentence->rows();
  }
  attention.project_output(input.rows, add, workspace);
}

template <NumberSystem Numbers>
void Decoder<Numbers>::cross_attention(std::size_t layer, std::span<SentenceRows* const> sentences,
                                       const ProductInput& input, const typename Numbers::Target& add,
                                       Workspace& workspace) const {
  const auto& attention = *layers_[layer].cross_attention;
  attention.project_queries(input, workspace);
  int first = 0;
  for (const SentenceRows* sentence : sentences) {
    point_at_pages(sentence->source_pages(), layers_[layer].source_offset, workspace);
    attention.attend(first,
                     {.queries = sentence->rows(),
                      .pages = workspace.sentence_pages.data(),
                      .positions = sentence->source_length()},
                     workspace);
    if (workspace.listener != nullptr && workspace.listener->listens_to(first)) {
      let_listen(layer, first, *sentence, workspace);
    }
    first += sentence->rows();
  }
  attention.project_output(input.rows, add, workspace);
}

/// Shows the listener the weights of its heads of a layer, for the rows of the sentence whose pages are set.
template <NumberSystem Numbers>
void Decoder<Numbers>::let_listen(std::size_t layer, int first, const SentenceRows& sentence,
                                  Workspace& workspace) const {
  const std::vector<AttentionHead>& heads = workspace.listener->heads();
  const int positions = sentence.source_length();
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (static_cast<std::size_t>(heads[i].layer) != layer) continue;
    const HeadWeights weights = layers_[layer].cross_attention->weigh(
        first, {.queries = sentence.rows(), .pages = workspace.sentence_pages.data(), .positions = positions},
        heads[i].head, workspace);
    workspace.listener->listen(i, first, sentence.rows(), positions, weights);
  }
}

}  // namespace octavo
