#pragma once

#include "kernels/kernel_table.h"

namespace octavo::lanes16 {

/// A job's rows four at a time; behind the last, the last again. `Tier` makes the symbols a tier's own.
template <class Tier>
class FourRows {
 public:
  explicit FourRows(const AttendRow& job) : rows_(job.rows), count_(job.count) {}

  /// Rows j to j + 3, until the next call. j < count.
  const std::byte* const* from(int j) {
    if (j + 4 <= count_) return rows_ + j;
    for (int i = 0; i < 4; ++i) last_[i] = rows_[j + i < count_ ? j + i : count_ - 1];
    return last_;
  }

 private:
  const std::byte* const* rows_;
  int count_;
  const std::byte* last_[4];
};

}  // namespace octavo::lanes16
