#pragma once

#include <cstdint>
#include <vector>

#include "model/encoder.h"

namespace octavo {

/// Keys and values of one batch. Cross-attention: one row per source token, kept per sentence and shared by
/// its hypotheses. Self-attention: one buffer per layer and step, written in place and never moved; which of
/// a step's rows belongs to a hypothesis is said by its ancestry.
struct DecoderCache {
  std::vector<int> source_offsets;
  std::vector<AlignedBuffer<std::byte>> cross;              // [layer]: [source tokens, a row]
  std::vector<std::vector<AlignedBuffer<std::byte>>> self;  // [layer][step]: [rows, a row]
};

/// The live rows of one decoding step. Row r reads token[r] and belongs to sentence[r]; ancestry[r · step +
/// j] is the row that its prefix occupied at step j.
struct DecoderRows {
  int step = 0;
  std::vector<std::int32_t> token;
  std::vector<int> sentence;
  std::vector<std::int32_t> ancestry;

  int size() const { return static_cast<int>(token.size()); }
};

class Decoder {
 public:
  static Decoder load(const LayerSource& source);

  /// Takes the encoder's output from workspace.states and fills the cache's cross-attention.
  void begin(const PackedTokens& source, Workspace& workspace, DecoderCache& cache) const;

  /// One step of every row. Returns what `logits` reads, valid until the next step.
  ProductInput step(const DecoderRows& rows, Workspace& workspace, DecoderCache& cache) const;

  /// The output projection of tokens [first, first + count), a multiple of Linear::kOutputGroup first:
  /// logits[states.rows, count].
  void logits(const ProductInput& states, int first, int count, float* logits, Workspace& workspace) const;

 private:
  struct Layer {
    Attention self_attention;
    Attention cross_attention;
    FeedForward feed_forward;
  };

  void self_attention(std::size_t layer, const DecoderRows& rows, float* x, Workspace& workspace,
                      DecoderCache& cache) const;
  void cross_attention(std::size_t layer, const DecoderRows& rows, float* x, Workspace& workspace,
                       const DecoderCache& cache) const;

  TransformerConfig config_;
  Site memory_;  // the encoder's output
  Embedding embedding_;
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  LayerNorm norm_;
  Site output_input_;
  Linear output_;
};

}  // namespace octavo
