#pragma once

namespace octavo::lanes16 {

/// Calls visit(index, count) for each vector of a row of n values; count < 16 only at its end.
template <class V, class Visit>
inline void for_each_vector(int n, Visit visit) {
  int i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) visit(i, V::kLanes);
  if (i < n) visit(i, n - i);
}

}  // namespace octavo::lanes16
