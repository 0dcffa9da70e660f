#include "decoding/aligner.h"

#include <algorithm>
#include <cstddef>

namespace octavo {

void Aligner::listen(std::size_t, int first_row, int rows, int positions, const HeadWeights& found) {
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

std::span<const std::int32_t> Aligner::end_step() {
  aligned_.clear();
  const std::uint16_t* begin = sums_.data();
  for (const std::size_t end : ends_) {
    const std::uint16_t* behind = sums_.data() + end;
    aligned_.push_back(static_cast<std::int32_t>(std::max_element(begin, behind) - begin));
    begin = behind;
  }
  sums_.clear();
  ends_.clear();
  return aligned_;
}

}  // namespace octavo
