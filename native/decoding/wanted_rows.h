#pragma once

#include <vector>

namespace octavo {

/// Calls use(first, count) for every run of rows whose flag is set.
template <class Use>
void for_each_run(const std::vector<bool>& wanted, Use use) {
  for (std::size_t first = 0, next = 0; first < wanted.size(); first = next) {
    next = first + 1;
    while (next < wanted.size() && wanted[next] == wanted[first]) ++next;
    if (wanted[first]) use(static_cast<int>(first), static_cast<int>(next - first));
  }
}

}  // namespace octavo
