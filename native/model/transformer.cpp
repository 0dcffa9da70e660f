#include "model/transformer.h"

namespace octavo {

Transformer Transformer::load(const TransformerConfig& config, const QuantizationPlan* plan,
                              const KernelTable& kernels, TensorSource& tensors) {
  Weights weights(tensors);
  const LayerSource source{.weights = weights, .kernels = kernels, .config = config, .plan = plan};
  return {.config = config,
          .int8 = plan != nullptr,
          .kernels = kernels,
          .encoder = Encoder::load(source),
          .decoder = Decoder::load(source)};
}

}  // namespace octavo
