#include "model/transformer.h"

namespace octavo {

Transformer Transformer::load(const TransformerConfig& config, Precision precision,
                              const KernelTable& kernels, TensorSource& tensors) {
  Weights weights(tensors);
  const LayerSource source{.weights = weights, .kernels = kernels, .config = config, .precision = precision};
  return {.config = config,
          .precision = precision,
          .kernels = kernels,
          .encoder = Encoder::load(source),
          .decoder = Decoder::load(source)};
}

}  // namespace octavo
