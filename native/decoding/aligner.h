#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/inspection.h"

namespace octavo {

/// How much a decoder row attends to each source position, by some heads together: the sums of their weights.
using Attention = std::span<const std::uint16_t>;

/// Keeps the attention of the decoder rows of a step.
class Aligner : public AttentionListener {
 public:
  explicit Aligner(std::vector<AttentionHead> heads) : AttentionListener(std::move(heads)) {}

  void listen(std::size_t head, int first_row, int rows, int positions, const HeadWeights& found) override;

  /// Of every row that has been listened to since the last call: none, where there are no heads. What is
  /// returned is valid until a row is listened to again.
  std::span<const Attention> end_step();

 private:
  std::vector<std::uint16_t> sums_;  // of each row its positions, row after row
  std::vector<std::size_t> ends_;    // where each row ends
  std::vector<Attention> rows_;
  bool step_ended_ = false;
};

}  // namespace octavo
