#pragma once

#include <cstddef>
#include <memory>
#include <variant>

#include "model/config.h"
#include "model/stacks.h"
#include "ops/float/plan.h"
#include "ops/matrix.h"

namespace octavo {

/// A model of scheme `integer`; docs/numerics.md, "Integer precision".
struct IntegerScheme {
  float logit_step = 1;  // what an integer logit of 1 stands for
};

/// How a model computes: all in float32, by a plan of int8 products, or in integers.
using Arithmetic = std::variant<std::monostate, QuantizationPlan, IntegerScheme>;

/// An encoder-decoder Transformer or a language model, its weights packed for one kernel tier. Immutable;
/// threads share it.
struct Transformer {
  TransformerConfig config;
  Precision precision;  // int8: some products are
  const KernelTable& kernels;
  std::unique_ptr<const Stacks> stacks;
  /// Decoder rows of a stream: the tier's, down to half of them where a position's keys and values are large.
  std::size_t stream_rows;

  /// Reads every tensor once, one at a time. The table of sinusoidal positions, where the model has one, is
  /// "positions" or, in integers, S.positions.weight for each side S. Throws Error where a tensor does not
  /// fit the configuration.
  static Transformer load(const TransformerConfig& config, const Arithmetic& arithmetic,
                          const KernelTable& kernels, TensorSource& tensors);
};

}  // namespace octavo
