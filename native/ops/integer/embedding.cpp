#include "ops/integer/embedding.h"

#include "kernels/integer_kernels.h"
#include "ops/tensor_source.h"

namespace octavo {

namespace {

constexpr IntegerRange kShifts{-16, 22};

}  // namespace

IntegerEmbedding IntegerEmbedding::load(Weights& weights, const KernelTable& kernels,
                                        const Tensors& tensors) {
  IntegerEmbedding embedding;
  if (tensors.tied) {
    embedding.packed_ =
        weights.packed(tensors.weight, tensors.tokens, tensors.width, Precision::integer, kernels);
  } else {
    embedding.table_ = weights.matrix(tensors.weight, tensors.tokens, tensors.width, Precision::integer);
  }
  embedding.width_ = tensors.width;
  TensorSource& source = weights.source();
  const auto count = static_cast<std::size_t>(tensors.tokens);
  const std::int32_t* multiplier =
      load_s32(source, tensors.side + ".embedding.multiplier", count, kMantissas);
  embedding.multiplier_.assign(multiplier, multiplier + count);
  const std::int8_t* shift = load_s8(source, tensors.side + ".embedding.shift", count, kShifts);
  embedding.shift_.assign(shift, shift + count);
  const std::size_t size =
      static_cast<std::size_t>(tensors.position_rows) * static_cast<std::size_t>(tensors.width);
  const std::int16_t* positions =
      load_s16(source, tensors.side + ".positions.weight", size, {-32'767, 32'767});
  embedding.positions_.assign(positions, positions + size);
  embedding.position_offset_ = tensors.position_offset;
  return embedding;
}

std::int16_t* IntegerEmbedding::embed(std::span<const std::int32_t> tokens,
                                      std::span<const std::int32_t> positions, Workspace& workspace) const {
  const std::ptrdiff_t width = width_;
  std::int16_t* x = workspace.integer_states.ensure(tokens.size() * static_cast<std::size_t>(width));
  std::int16_t* row = x;
  for (std::size_t i = 0; i < tokens.size(); ++i, row += width) {
    const auto token = static_cast<std::size_t>(tokens[i]);
    workspace.kernels->embed_integer(
        {.row = table_ ? table_->s8.data() + tokens[i] * width
                       : packed_->row(tokens[i], workspace.embedding_s8.ensure(packed_->width())),
         .multiplier = multiplier_[token],
         .shift = shift_[token],
         .position = positions_.data() + (positions[i] + position_offset_) * width,
         .n = width_,
         .output = row});
  }
  return x;
}

}  // namespace octavo
