#include "model/float/layers.h"
#include "model/stacks_over.h"

namespace octavo {

namespace {

/// What float32 and int8 stacks are made of: a float residual stream, products in either precision by plan.
struct FloatNumbers {
  using Site = octavo::Site;
  using Target = Epilogue;
  using Embedding = FloatEmbedding;
  using Norm = LayerNorm;
  using Attention = octavo::Attention;
  using FeedForward = octavo::FeedForward;
  using ResidualStream = octavo::ResidualStream;

  static Embedding load_embedding(const LayerSource& source, const std::string& side) {
    return FloatEmbedding::load(source, side);
  }

  static Norm load_norm(const LayerSource& source, const std::string& name) {
    return LayerNorm::load(source.weights.source(), name, source.config.d_model,
                           source.config.layer_norm_epsilon);
  }

  static Site load_site(const LayerSource& source, const std::string& name,
                        const std::vector<std::string>& readers) {
    return Site::load(source.plan, name, source.config.d_model, readers);
  }

  static OutputProjection load_output(const LayerSource& source, const Site& site) {
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
