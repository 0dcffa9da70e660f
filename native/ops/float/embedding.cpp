#include "ops/float/embedding.h"

namespace octavo {

Embedding Embedding::load(Weights& weights, const std::string& weight, int tokens,
                          const std::string& positions, int position_rows, int position_offset, int width,
                          float scale, Precision precision) {
  Embedding embedding;
  const Precision kept = precision == Precision::int8 ? weights.stored(weight) : Precision::float32;
  embedding.table_ = weights.matrix(weight, tokens, width, kept);
  const std::size_t size = static_cast<std::size_t>(position_rows) * static_cast<std::size_t>(width);
  embedding.positions_ = weights.vector(positions, size);
  embedding.position_offset_ = position_offset;
  embedding.scale_ = scale;
  return embedding;
}

void Embedding::lookup(std::int32_t token, int position, float* output, const Workspace& workspace) const {
  const int width = table_->columns;
  const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(token) * width;
  const float* shift = positions_->data() + static_cast<std::ptrdiff_t>(position + position_offset_) * width;
  if (table_->s8.empty()) {
    workspace.kernels->embed_f32(table_->f32.data() + row, shift, width, scale_, output);
  } else {
    const float row_scale = table_->row_scale[static_cast<std::size_t>(token)];
    workspace.kernels->embed_s8(table_->s8.data() + row, row_scale, shift, width, scale_, output);
  }
}

}  // namespace octavo
