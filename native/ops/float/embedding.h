#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/matrix.h"
#include "ops/workspace.h"

namespace octavo {

/// Token embeddings plus position embeddings.
class Embedding {
 public:
  Embedding() = default;
  struct Tensors {
    std::string weight;     // [tokens, width]
    std::string positions;  // [position_rows, width]
    int tokens;
    int width;
    int position_rows;
    int position_offset;  // the row of position 0
  };

  /// The table is kept as it is stored, but for `precision` float32, which widens it. `tied`: in which
  /// precision the same weight is packed for products too; the table is then that one, and is kept once.
  static Embedding load(Weights& weights, const KernelTable& kernels, const Tensors& tensors, float scale,
                        Precision precision, std::optional<Precision> tied);

  /// output[width] = scale · embedding(token) + position. The caller checks both ranges.
  void lookup(std::int32_t token, int position, float* output, Workspace& workspace) const;

 private:
  std::shared_ptr<const Matrix> table_;  // or
  std::shared_ptr<const PackedMatrix> packed_;
  int width_ = 0;
  std::shared_ptr<const std::vector<float>> positions_;
  int position_offset_ = 0;
  float scale_ = 1;
};

}  // namespace octavo
