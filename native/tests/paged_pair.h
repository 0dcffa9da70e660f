#pragma once

#include <vector>

#include "guarded_memory.h"
#include "kernels/kernel_table.h"
#include "pages.h"
#include "random.h"

namespace octavo::testing {

/// Some positions for each query, in any order, and all of them as bits; or all positions for each.
class SeenPositions {
 public:
  void choose(const PagedShape& shape, bool ordered, Random& random);

  bool contains(int place) const;

  /// Hands them to a job, Attend or AttendPolynomial.
  template <class Job>
  void put(Job& job) const {
    if (!ordered_) return;
    job.order = order_.data();
    job.order_stride = order_stride_;
    job.counts = counts_.data();
    job.visible = visible_.data();
    job.visible_stride = visible_stride_;
  }

 private:
  void choose_for(std::size_t query, int positions, Random& random);

  bool ordered_ = false;
  GuardedArray<std::int32_t> order_;
  std::ptrdiff_t order_stride_ = 0;
  GuardedArray<std::int32_t> counts_;
  GuardedArray<std::uint16_t> visible_;
  std::ptrdiff_t visible_stride_ = 0;
};

/// The same rows in pages of the reference and in those of the tier under test.
class PagedPair {
 public:
  void prepare(const PagedAttention& kernels, const PagedShape& shape, const PagedMode& mode, Random& random);

  /// Something at every place of every page, then the rows that count. What no query sees keeps what was
  /// there first, which is NaN where it is floats.
  void keep_all(Values kind, const SeenPositions& seen, Random& random);

  Pages& expected() { return expected_; }
  Pages& actual() { return actual_; }

 private:
  void fill(std::size_t rows, Values kind, Random& random);
  /// A few rows at a time.
  void keep(const std::vector<int>& places, Random& random);

  PagedShape shape_{};
  PagedMode mode_{};
  Pages expected_;
  Pages actual_;
  Rows keys_;
  Rows values_;
};

}  // namespace octavo::testing
