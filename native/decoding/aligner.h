#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/inspection.h"

namespace octavo {

/// Which source position each decoder row of a step attends to most, by some heads together: the largest sum
/// of their weights, the lowest position of several.
class Aligner : public AttentionListener {
 public:
  explicit Aligner(std::vector<AttentionHead> heads) : AttentionListener(std::move(heads)) {}

  void listen(std::size_t head, int first_row, int rows, int positions, const HeadWeights& found) override;

  /// Of every row that has been listened to since the last call: none, where there are no heads.
  std::span<const std::int32_t> end_step();

 private:
  std::vector<std::uint16_t> sums_;  // of each row its positions, row after row
  std::vector<std::size_t> ends_;    // where each row ends
  std::vector<std::int32_t> aligned_;
};

}  // namespace octavo
