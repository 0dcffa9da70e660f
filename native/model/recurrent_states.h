#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace octavo {

/// A hypothesis that goes on: the row it continues, and with which token.
struct Continuation {
  int parent;
  std::int32_t token;
};

/// The states of recurrent layers for the live hypotheses of one sentence: `width` floats a row.
class RecurrentStates {
 public:
  /// One row of zeros.
  explicit RecurrentStates(std::size_t width) : width_(width), rows_(width) {}

  float* row(int row) { return rows_.data() + static_cast<std::size_t>(row) * width_; }

  /// One row for each continuation, which begins with the state of its parent.
  void advance(std::span<const Continuation> continuations);

 private:
  std::size_t width_;
  std::vector<float> rows_;
  std::vector<float> next_;
};

}  // namespace octavo
