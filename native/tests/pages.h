#pragma once

#include <cstddef>
#include <vector>

#include "guarded_memory.h"
#include "kernels/integer_kernels.h"
#include "kernels/kernel_table.h"
#include "random.h"
#include "values.h"

namespace octavo::testing {

struct PagedShape {
  int queries = 1;
  int positions = 1;
  int heads = 1;
  int head_dim = 1;
};

/// What is u8, the rest being floats, and whether each query sees positions of its own.
struct PagedMode {
  bool keys = false;
  bool values = false;
  bool output = false;
  bool ordered = false;
};

/// Rows of floats or bytes with something else between them; the last ends at the guard.
class Rows {
 public:
  void fill(std::size_t rows, std::size_t width, bool u8, Values kind, Random& random);
  /// Every bit set, which is NaN or 255.
  void fill_with_ones();
  const std::byte* row(std::size_t index) const {
    return memory_.data() + static_cast<std::ptrdiff_t>(index) * stride_;
  }
  std::ptrdiff_t stride() const { return stride_; }

 private:
  GuardedArray<std::byte> memory_;
  std::ptrdiff_t stride_ = 0;
};

/// Pages of one tier: in any order in memory, the last at the guard.
class Pages {
 public:
  void prepare(const PagedAttention& kernels, const PagedShape& shape, const PagedMode& mode, Random& random);
  /// Keeps row r of keys and values at position places[r], for each of `rows` from `first` on.
  void keep(const Rows& keys, const Rows& values, const std::vector<int>& places, std::size_t first,
            std::size_t rows);
  /// Attends; layout, pages and scratch are filled in.
  void attend(const Attend& job) {
    prepare_attend(job);
    attend();
  }
  /// The same in two steps, of which only the second is worth timing.
  void prepare_attend(const Attend& job);
  void attend() const { kernels_.attend(job_); }
  void attend(const AttendPolynomial& job) {
    prepare_attend(job);
    attend_polynomial();
  }
  void prepare_attend(const AttendPolynomial& job);
  void weigh(const Attend& job, const HeadWeights& target) {
    prepare_attend(job);
    kernels_.weigh(job_, target);
  }
  void weigh(const AttendPolynomial& job, const HeadWeights& target) {
    prepare_attend(job);
    kernels_.weigh_polynomial(polynomial_job_, target);
  }
  void attend_polynomial() const { kernels_.attend_polynomial(polynomial_job_); }

 private:
  /// Fills in layout, pages and scratch.
  template <class Job, class Score>
  void prepare(Job& job, GuardedArray<Score>& scores, Score unused);

  PagedAttention kernels_{};
  PageLayout layout_{};
  GuardedArray<std::byte> memory_;
  std::vector<std::byte*> pages_;
  Attend job_{};
  AttendPolynomial polynomial_job_{};
  GuardedArray<std::byte*> kept_pages_;
  GuardedArray<std::uint8_t> kept_positions_;
  GuardedArray<const std::byte*> seen_pages_;
  GuardedArray<float> scores_;
  GuardedArray<std::int32_t> integer_scores_;
  GuardedArray<std::uint8_t> weights_;
};

/// The pages that `positions` positions need.
std::size_t pages_for(int positions);

/// 0 to count - 1 in any order.
std::vector<int> shuffled(int count, Random& random);

/// The same, half of the time in order: rows may be kept several at a time where their places follow each
/// other.
std::vector<int> shuffled_or_not(int count, Random& random);

}  // namespace octavo::testing
