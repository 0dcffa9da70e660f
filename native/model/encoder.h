#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/layers.h"
#include "ops/embedding.h"

namespace octavo {

/// Sentences packed end to end, without padding: sentence s is tokens [offset[s], offset[s + 1]).
struct PackedTokens {
  std::vector<std::int32_t> tokens;
  std::vector<int> offsets{0};

  void add(const std::vector<std::int32_t>& sentence, const std::int32_t* end_token);
  int sentences() const { return static_cast<int>(offsets.size()) - 1; }
  int length(int sentence) const;
  int size() const { return static_cast<int>(tokens.size()); }
};

class Encoder {
 public:
  static Encoder load(const LayerSource& source);

  /// Leaves the encoder's output, [source.size(), d_model], in workspace.states.
  void forward(const PackedTokens& source, Workspace& workspace) const;

 private:
  struct Layer {
    Attention self_attention;
    FeedForward feed_forward;
  };

  void self_attention(const Attention& attention, const PackedTokens& source, const ProductInput& input,
                      const Epilogue& add, Workspace& workspace) const;

  TransformerConfig config_;
  Embedding embedding_;
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
  LayerNorm norm_;
};

/// The embedding of one side ("encoder" or "decoder") and, where the model has one, its norm.
Embedding load_embedding(const LayerSource& source, const std::string& side);

}  // namespace octavo
