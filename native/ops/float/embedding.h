#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ops/matrix.h"
#include "ops/workspace.h"

namespace octavo {

/// Token embeddings plus position embeddings.
class Embedding {
 public:
  Embedding() = default;
  /// The table is kept as it is stored, but for `precision` float32, which widens it. `positions` is a tensor
  /// [position_rows, width]; row `position_offset` belongs to position 0.
  static Embedding load(Weights& weights, const std::string& weight, int tokens, const std::string& positions,
                        int position_rows, int position_offset, int width, float scale, Precision precision);

  /// output[width] = scale · embedding(token) + position. The caller checks both ranges.
  void lookup(std::int32_t token, int position, float* output, const Workspace& workspace) const;

 private:
  std::shared_ptr<const Matrix> table_;
  std::shared_ptr<const std::vector<float>> positions_;
  int position_offset_ = 0;
  float scale_ = 1;
};

}  // namespace octavo
