#include "model/float/attention.h"
#include "model/float/embedding.h"
#include "model/float/feed_forward.h"
#include "model/float/relative_positions.h"
#include "model/float/residual_stream.h"
#include "model/float/ssru.h"
#include "model/stacks_over.h"

namespace octavo {

namespace {

/// What float32 and int8 stacks are made of: a float residual stream, products in either precision by plan.
struct FloatNumbers {
  using Rows = FloatRows;
  using Embedding = FloatEmbedding;
  using Attention = SoftmaxAttention;
  using RelativePositions = octavo::RelativePositions;
  using ResidualStream = FloatResidualStream;

  static Embedding load_embedding(const LayerSource& source, const std::string& side) {
    return FloatEmbedding::load(source, side);
  }

  static std::unique_ptr<const DecoderMixer<Rows>> load_mixer(const LayerSource& source,
                                                              const std::string& layer,
                                                              DecoderCacheSize& cache) {
    if (source.config.decoder_mixer == MixerKind::ssru)
      return std::make_unique<Ssru>(source, layer + ".ssru", cache);
    return std::make_unique<DecoderAttention<FloatNumbers>>(source, layer + ".self_attention", cache);
  }

  static std::unique_ptr<const FeedForward<Rows>> load_feed_forward(const LayerSource& source,
                                                                    const std::string& name) {
    return std::make_unique<FloatFeedForward>(source, name);
  }

  static OutputProjection load_output(const LayerSource& source, const Rows::Site& site) {
    const TransformerConfig& config = source.config;
    return OutputProjection(Linear::load(source.weights, source.kernels, source.plan, "output", site,
                                         {.weight = config.output_weight(),
                                          .bias = config.output_bias ? "output.bias" : "",
                                          .inputs = config.d_model,
                                          .outputs = config.target_vocab_size}));
  }
};

}  // namespace

std::unique_ptr<const Stacks> load_float_stacks(const LayerSource& source) {
  return load_stacks<FloatNumbers>(source);
}

}  // namespace octavo
