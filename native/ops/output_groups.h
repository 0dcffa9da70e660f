#pragma once

#include <algorithm>

#include "base/team.h"
#include "kernels/panels.h"

namespace octavo {

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
