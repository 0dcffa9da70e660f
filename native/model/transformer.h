#pragma once

#include "model/decoder.h"
#include "model/encoder.h"

namespace octavo {

/// An encoder-decoder Transformer with its weights packed for one kernel tier. Immutable; threads share it.
struct Transformer {
  TransformerConfig config;
  bool int8;  // some products are
  const KernelTable& kernels;
  Encoder encoder;
  Decoder decoder;

  /// Reads every tensor once, one at a time; "positions" is the sinusoidal table, where the model has one. No
  /// plan: all in float32. Throws Error where a tensor does not fit the configuration.
  static Transformer load(const TransformerConfig& config, const QuantizationPlan* plan,
                          const KernelTable& kernels, TensorSource& tensors);
};

}  // namespace octavo
