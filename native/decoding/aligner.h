#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/inspection.h"

namespace octavo {

/// How much a decoder row attends to each source position, by some heads together: the sums of their weights.
using Attention = std::span<const std::uint16_t>;

/// Sums the attention of the decoder rows of a step.
class Aligner : public AttentionListener {
 public:
  explicit Aligner(std::vector<AttentionHead> heads) : AttentionListener(std::move(heads)) {}

  /// A step begins: for each row its sentence's source positions, or 0 where its attention is not wanted.
  void begin_step(std::span<const int> positions);

  bool listens_to(int first_row) const override {
    return !rows_[static_cast<std::size_t>(first_row)].empty();
  }
  void listen(std::size_t head, int first_row, int rows, int positions, const HeadWeights& found) override;

  /// Of every row of the step; empty where it is not wanted. Valid until the next step.
  std::span<const Attention> rows() const { return rows_; }

 private:
  std::vector<std::uint16_t> sums_;  // of each row its positions, row after row
  std::vector<std::size_t> begins_;  // where each row begins
  std::vector<Attention> rows_;
};

}  // namespace octavo
