#include "ops/float/embedding.h"

namespace octavo {

Embedding Embedding::load(Weights& weights, const KernelTable& kernels, const Tensors& tensors, float scale,
                          Precision precision, std::optional<Precision> tied) {
  Embedding embedding;
  const Precision kept = precision == Precision::int8 ? weights.stored(tensors.weight) : Precision::float32;
  if (tied == kept) {
    embedding.packed_ = weights.packed(tensors.weight, tensors.tokens, tensors.width, kept, kernels);
  } else {
    embedding.table_ = weights.matrix(tensors.weight, tensors.tokens, tensors.width, kept);
  }
  embedding.width_ = tensors.width;
  const std::size_t size =
      static_cast<std::size_t>(tensors.position_rows) * static_cast<std::size_t>(tensors.width);
  embedding.positions_ = weights.vector(tensors.positions, size);
  embedding.position_offset_ = tensors.position_offset;
  embedding.scale_ = scale;
  return embedding;
}

void Embedding::lookup(std::int32_t token, int position, float* output, Workspace& workspace) const {
  const KernelTable& kernels = *workspace.kernels;
  const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(token) * width_;
  const float* shift = positions_->data() + static_cast<std::ptrdiff_t>(position + position_offset_) * width_;
  if ((packed_ ? packed_->row_scale : table_->row_scale).empty()) {
    const float* row = table_ ? table_->f32.data() + start
                              : packed_->row(token, workspace.embedding_f32.ensure(packed_->width()));
    kernels.embed_f32(row, shift, width_, scale_, output);
  } else {
    const std::int8_t* row = table_ ? table_->s8.data() + start
                                    : packed_->row(token, workspace.embedding_s8.ensure(packed_->width()));
    const float row_scale =
        (packed_ ? packed_->row_scale : table_->row_scale)[static_cast<std::size_t>(token)];
    kernels.embed_s8(row, row_scale, shift, width_, scale_, output);
  }
}

}  // namespace octavo
