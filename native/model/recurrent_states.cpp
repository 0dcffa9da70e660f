#include "model/recurrent_states.h"

#include <algorithm>

namespace octavo {

void RecurrentStates::advance(std::span<const Continuation> continuations) {
  if (width_ == 0) return;
  const std::size_t rows = continuations.size();
  bool moves = rows * width_ != rows_.size();
  for (std::size_t row = 0; row < rows; ++row) {
    moves = moves || static_cast<std::size_t>(continuations[row].parent) != row;
  }
  if (!moves) return;
  next_.resize(rows * width_);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto parent = static_cast<std::size_t>(continuations[row].parent);
    std::copy_n(rows_.data() + parent * width_, width_, next_.data() + row * width_);
  }
  rows_.swap(next_);
}

}  // namespace octavo
