#include "model/transformer.h"

#include "model/number_system.h"

namespace octavo {

Transformer Transformer::load(const TransformerConfig& config, const Arithmetic& arithmetic,
                              const KernelTable& kernels, TensorSource& tensors) {
  Weights weights(tensors);
  LayerSource source{.weights = weights, .kernels = kernels, .config = config};
  if (const auto* integer = std::get_if<IntegerScheme>(&arithmetic)) {
    source.logit_step = integer->logit_step;
    return {config, Precision::integer, kernels, load_integer_stacks(source)};
  }
  source.plan = std::get_if<QuantizationPlan>(&arithmetic);
  const Precision precision = source.plan == nullptr ? Precision::float32 : Precision::int8;
  return {config, precision, kernels, load_float_stacks(source)};
}

}  // namespace octavo
