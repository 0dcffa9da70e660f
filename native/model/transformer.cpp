#include "model/transformer.h"

#include <algorithm>
#include <utility>

#include "model/number_system.h"

namespace octavo {

namespace {

// With beam 4 and sentences of 32 tokens a row keeps the keys and values of about 28 positions, those of its
// share of the source among them. So many rows are to keep no more than this.
constexpr std::size_t kRowPositions = 28;
constexpr std::size_t kMostKeptBytes = std::size_t{96} << 20;

std::size_t rows_of_stream(const KernelTable& kernels, const Stacks& stacks) {
  constexpr std::size_t kWhole = 4;  // so that sentences with the usual beam of 4 fill a stream
  const std::size_t row_bytes = kRowPositions * stacks.make_cache().own.page_bytes() / kPagePositions;
  if (row_bytes == 0) return kernels.stream_rows;  // recurrent layers
  const std::size_t rows = kMostKeptBytes / row_bytes / kWhole * kWhole;
  return std::clamp(rows, kernels.stream_rows / 2, kernels.stream_rows);
}

Transformer with_stacks(const TransformerConfig& config, Precision precision, const KernelTable& kernels,
                        std::unique_ptr<const Stacks> stacks) {
  const std::size_t rows = rows_of_stream(kernels, *stacks);
  return {config, precision, kernels, std::move(stacks), rows};
}

}  // namespace

Transformer Transformer::load(const TransformerConfig& config, const Arithmetic& arithmetic,
                              const KernelTable& kernels, TensorSource& tensors) {
  Weights weights(tensors);
  LayerSource source{.weights = weights, .kernels = kernels, .config = config};
  if (const auto* integer = std::get_if<IntegerScheme>(&arithmetic)) {
    source.logit_step = integer->logit_step;
    return with_stacks(config, Precision::integer, kernels, load_integer_stacks(source));
  }
  source.plan = std::get_if<QuantizationPlan>(&arithmetic);
  const Precision precision = source.plan == nullptr ? Precision::float32 : Precision::int8;
  return with_stacks(config, precision, kernels, load_float_stacks(source));
}

}  // namespace octavo
