#pragma once

#include "model/decoder.h"
#include "model/encoder.h"

namespace octavo {

/// An encoder-decoder Transformer with its weights packed for one kernel tier. Immutable; threads share it.
struct Transformer {
  TransformerConfig config;
  Precision precision;
  const KernelTable& kernels;
  Encoder encoder;
  Decoder decoder;

  /// Reads every tensor once, one at a time; "positions" is the sinusoidal table, where the model has one.
  /// Throws Error where a tensor does not fit the configuration.
  static Transformer load(const TransformerConfig& config, Precision precision, const KernelTable& kernels,
                          TensorSource& tensors);
};

}  // namespace octavo
