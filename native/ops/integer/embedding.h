#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ops/matrix.h"
#include "ops/workspace.h"

namespace octavo {

/// Token embeddings plus position embeddings: the residual stream of one side in integers.
class IntegerEmbedding {
 public:
  struct Tensors {
    std::string weight;  // [tokens, width]
    std::string side;    // "encoder" or "decoder": its factors and its positions
    int tokens;
    int width;
    int position_rows;
    int position_offset;  // the row of position 0
    bool tied;            // the weight is packed for products too: the table is that one, and is kept once
  };

  IntegerEmbedding() = default;
  static IntegerEmbedding load(Weights& weights, const KernelTable& kernels, const Tensors& tensors);

  /// Rows [tokens.size(), width] of tokens at positions, in the workspace. The caller checks both ranges.
  std::int16_t* embed(std::span<const std::int32_t> tokens, std::span<const std::int32_t> positions,
                      Workspace& workspace) const;

 private:
  std::shared_ptr<const Matrix> table_;  // or
  std::shared_ptr<const PackedMatrix> packed_;
  int width_ = 0;
  std::vector<std::int32_t> multiplier_;  // [tokens]
  std::vector<std::int8_t> shift_;
  std::vector<std::int16_t> positions_;
  int position_offset_ = 0;
};

}  // namespace octavo
