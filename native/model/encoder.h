#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/encoder_attention.h"

namespace octavo {

/// The encoder stack over a number system.
template <NumberSystem Numbers>
class Encoder {
 public:
  explicit Encoder(const LayerSource& source);

  /// The encoder's output [source.size(), d_model], as products read it, valid until the workspace is used
  /// for another stack.
  ProductInput forward(const PackedTokens& source, Workspace& workspace) const;

  /// That output, as the cross-attention of every decoder layer reads it.
  const typename Numbers::Rows::Site& output() const { return output_; }

 private:
  struct Layer {
    EncoderAttention<Numbers> self_attention;
    std::unique_ptr<const FeedForward<typename Numbers::Rows>> feed_forward;
  };

  TransformerConfig config_;
  typename Numbers::Embedding embedding_;
  typename Numbers::RelativePositions relative_positions_;
  std::vector<Layer> layers_;
  typename Numbers::Rows::Norm norm_;  // pre-norm
  typename Numbers::Rows::Site output_;
};

template <NumberSystem Numbers>
Encoder<Numbers>::Encoder(const LayerSource& source)
    : config_(source.config),
      embedding_(Numbers::load_embedding(source, "encoder")),
      relative_positions_(source, "encoder") {
  for (int i = 0; i < config_.encoder_layers; ++i) {
    const std::string name = "encoder.layers." + std::to_string(i);
    layers_.push_back({.self_attention = EncoderAttention<Numbers>(source, name + ".self_attention"),
                       .feed_forward = Numbers::load_feed_forward(source, name + ".feed_forward")});
  }
  if (config_.pre_norm()) norm_ = Numbers::Rows::load_norm(source, "encoder.norm");
  std::vector<std::string> readers;
  for (int i = 0; i < config_.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i) + ".cross_attention";
    readers.insert(readers.end(), {name + ".key", name + ".value"});
  }
  output_ = Numbers::Rows::load_site(source, "encoder.output", readers);
}

template <NumberSystem Numbers>
ProductInput Encoder<Numbers>::forward(const PackedTokens& source, Workspace& workspace) const {
  workspace.positions.clear();
  for (int s = 0; s < source.sentences(); ++s) {
    for (int i = 0; i < source.length(s); ++i) workspace.positions.push_back(i);
  }
  auto* x = embedding_.embed(source.tokens, workspace.positions, workspace);
  typename Numbers::ResidualStream stream(config_, x, source.size(), workspace);
  relative_positions_.prepare(source, workspace);
  for (const auto& [self_attention, feed_forward] : layers_) {
    self_attention.apply(source, stream.enter(self_attention), stream.add(), workspace);
    feed_forward->apply(stream.enter(*feed_forward), stream.add(), workspace);
  }
  return stream.finish(norm_, output_);
}

}  // namespace octavo
