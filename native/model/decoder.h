#pragma once

#include <span>
#include <vector>

#include "model/encoder.h"
#include "model/sentence_rows.h"

namespace octavo {

/// Where a stream keeps keys and values: a page has room for kPagePositions positions of every layer.
struct DecoderCache {
  PagePool source;  // cross-attention: kept per sentence and shared by its hypotheses
  PagePool own;     // self-attention
};

class Decoder {
 public:
  static Decoder load(const LayerSource& source);

  DecoderCache make_cache() const { return {PagePool(source_page_bytes_), PagePool(own_page_bytes_)}; }

  /// Takes the encoder's output from workspace.states, makes the cross-attention's keys and values and the
  /// first row of every sentence.
  std::vector<SentenceRows> begin(const PackedTokens& source, Workspace& workspace,
                                  DecoderCache& cache) const;

  /// One step of all rows of all sentences, one after the other. Returns what `logits` reads, valid until the
  /// next step.
  ProductInput step(std::span<SentenceRows* const> sentences, Workspace& workspace) const;

  /// The output projection of tokens [first, first + count), a multiple of Linear::kOutputGroup first:
  /// logits[states.rows, count].
  void logits(const ProductInput& states, int first, int count, float* logits, Workspace& workspace) const;

  /// The output projection itself.
  const Linear& output() const { return output_; }

 private:
  struct Layer {
    Attention self_attention;
    Attention cross_attention;
    FeedForward feed_forward;
    std::size_t own_offset;  // where its part of a page begins
    std::size_t source_offset;
  };

  float* embed(std::span<SentenceRows* const> sentences, int rows, Workspace& workspace) const;
  void self_attention(const Layer& layer, std::span<SentenceRows* const> sentences, const ProductInput& input,
                      const Epilogue& add, Workspace& workspace) const;
  void cross_attention(const Layer& layer, std::span<SentenceRows* const> sentences,
                       const ProductInput& input, const Epilogue& add, Workspace& workspace) const;

  TransformerConfig config_;
  Site memory_;  // the encoder's output
  Embedding embedding_;
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  std::size_t own_page_bytes_ = 0;
  std::size_t source_page_bytes_ = 0;
  LayerNorm norm_;
  Site output_input_;
  Linear output_;
};

}  // namespace octavo
