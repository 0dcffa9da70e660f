#include "decoding/aligner.h"

#include <cstddef>

namespace octavo {

void Aligner::begin_step(std::span<const int> positions) {
  begins_.clear();
  std::size_t all = 0;
  for (const int length : positions) {
    begins_.push_back(all);
    all += static_cast<std::size_t>(length);
  }
  sums_.assign(all, 0);
  rows_.clear();
  for (std::size_t row = 0; row < positions.size(); ++row)
    rows_.push_back(Attention(sums_).subspan(begins_[row], static_cast<std::size_t>(positions[row])));
}

void Aligner::listen(std::size_t, int first_row, int rows, int positions, const HeadWeights& found) {
  const auto length = static_cast<std::size_t>(positions);
  for (int r = 0; r < rows; ++r) {
    const std::uint8_t* weights = found.weights + r * found.stride;
    std::uint16_t* sums = sums_.data() + begins_[static_cast<std::size_t>(first_row + r)];
    for (std::size_t s = 0; s < length; ++s) sums[s] = static_cast<std::uint16_t>(sums[s] + weights[s]);
  }
}

}  // namespace octavo
