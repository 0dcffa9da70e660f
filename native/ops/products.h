#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/team.h"
#include "kernels/panels.h"

namespace octavo {

/// Rows as products read them: floats, u8, or both. Valid until the buffers they lie in are used again.
struct ProductInput {
  int rows = 0;
  const float* values = nullptr;
  std::ptrdiff_t stride = 0;
  const std::uint8_t* quantized = nullptr;  // value + zero point
  std::ptrdiff_t quantized_stride = 0;
  const float* row_scale = nullptr;  // per token; null: static

  /// `count` of these rows, from `first` on.
  ProductInput slice(int first, int count) const {
    ProductInput part = *this;
    part.rows = count;
    if (values != nullptr) part.values += first * stride;
    if (quantized != nullptr) part.quantized += first * quantized_stride;
    if (row_scale != nullptr) part.row_scale += first;
    return part;
  }
};

inline constexpr int kOutputGroup = kWidestPanel;  // whole panels on every tier

/// Calls compute(begin, end) for outputs [0, count) of a product, cut at multiples of kOutputGroup. A team,
/// if there is one, shares the parts.
template <class Compute>
void share_outputs(Team* team, int count, Compute compute) {
  constexpr int kPartsEach = 2;  // for every thread of a team: who is held up has less to finish
  if (team == nullptr) {
    compute(0, count);
    return;
  }
  const int groups = (count + kOutputGroup - 1) / kOutputGroup;
  const int parts = std::min(groups, kPartsEach * team->size());
  team->run(parts, [&](int part) {
    const int begin = kOutputGroup * (groups * part / parts);
    const int end = std::min(count, kOutputGroup * (groups * (part + 1) / parts));
    compute(begin, end);
  });
}

}  // namespace octavo
