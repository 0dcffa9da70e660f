#include "decoding/aligner.h"

#include <cstddef>

namespace octavo {

void Aligner::listen(std::size_t, int first_row, int rows, int positions, const HeadWeights& found) {
  if (step_ended_) {
    sums_.clear();
    ends_.clear();
    step_ended_ = false;
  }
  const auto length = static_cast<std::size_t>(positions);
  for (int r = 0; r < rows; ++r) {
    const std::uint8_t* weights = found.weights + r * found.stride;
    const auto row = static_cast<std::size_t>(first_row + r);
    if (row == ends_.size()) {  // the first head that is heard of it
      sums_.resize(sums_.size() + length);
      ends_.push_back(sums_.size());
    }
    std::uint16_t* sums = sums_.data() + ends_[row] - length;
    for (std::size_t s = 0; s < length; ++s) sums[s] = static_cast<std::uint16_t>(sums[s] + weights[s]);
  }
}

std::span<const Attention> Aligner::end_step() {
  rows_.clear();
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    rows_.push_back(Attention(sums_).subspan(begin, end - begin));
    begin = end;
  }
  step_ended_ = true;
  return rows_;
}

}  // namespace octavo
