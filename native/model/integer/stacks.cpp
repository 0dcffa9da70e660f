#include "base/errors.h"
#include "model/integer/attention.h"
#include "model/integer/feed_forward.h"
#include "model/integer/residual_stream.h"
#include "model/stacks_over.h"
#include "ops/integer/embedding.h"

namespace octavo {

namespace {

constexpr std::int64_t kLogitLimit = std::int64_t{1} << 24;  // so that floats hold them

/// What integer stacks are made of: an int16 residual stream, products of u8 and s8, no floats.
struct IntegerNumbers {
  using Rows = IntegerRows;
  using Embedding = IntegerEmbedding;
  using Attention = PolynomialAttention;
  using RelativePositions = NoRelativePositions;
  using ResidualStream = IntegerResidualStream;

  static Embedding load_embedding(const LayerSource& source, const std::string& side) {
    const TransformerConfig& config = source.config;
    return IntegerEmbedding::load(source.weights, source.kernels,
                                  {.weight = config.embedding_weight(side),
                                   .side = side,
                                   .tokens = config.vocab_size(side),
                                   .width = config.d_model,
                                   .position_rows = config.max_positions + config.position_offset,
                                   .position_offset = config.position_offset,
                                   .tied = config.output_weight() == config.embedding_weight(side)});
  }

  static std::unique_ptr<const DecoderMixer<Rows>> load_mixer(const LayerSource& source,
                                                              const std::string& layer,
                                                              DecoderCacheSize& cache) {
    return std::make_unique<DecoderAttention<IntegerNumbers>>(source, layer + ".self_attention", cache);
  }

  static std::unique_ptr<const FeedForward<Rows>> load_feed_forward(const LayerSource& source,
                                                                    const std::string& name) {
    return std::make_unique<IntegerFeedForward>(source, name);
  }

  static OutputProjection load_output(const LayerSource& source, const Rows::Site& site) {
    const TransformerConfig& config = source.config;
    return {IntegerLinear::load(source.weights, source.kernels, "output", site,
                                {.weight = config.output_weight(),
                                 .bias = config.output_bias ? "output.bias" : "",
                                 .inputs = config.d_model,
                                 .outputs = config.target_vocab_size,
                                 .limit = kLogitLimit}),
            source.logit_step};
  }
};

}  // namespace

std::unique_ptr<const Stacks> load_integer_stacks(const LayerSource& source) {
  const TransformerConfig& config = source.config;
  if (!config.pre_norm() || config.activation != Activation::relu || config.embedding_norm ||
      config.decoder_mixer != MixerKind::attention)
    throw Error(
        "integer precision runs pre-norm models with ReLU and self-attention in the decoder, without a norm "
        "of "
        "embeddings");
  return load_stacks<IntegerNumbers>(source);
}

}  // namespace octavo
