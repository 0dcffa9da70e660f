#include "pages.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/aligned_buffer.h"

namespace octavo::testing {

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Bytes in place of floats of a kind: anything, the ends of the range, or all zero, which is 128.
void fill_bytes(std::uint8_t* x, std::size_t count, Values kind, Random& random) {
  const bool ends = kind == Values::wide || kind == Values::special;
  const auto one = static_cast<std::uint8_t>(random.bits());
  std::generate_n(x, count, [&]() -> std::uint8_t {
    if (kind == Values::zeros) return 128;
    if (kind == Values::equal) return one;
    if (kind == Values::tiny) return 255;
    if (ends) return random.chance() ? 255 : 0;
    return static_cast<std::uint8_t>(random.bits());
  });
}

}  // namespace

void Rows::fill(std::size_t rows, std::size_t width, bool u8, Values kind, Random& random) {
  const std::size_t unit = u8 ? 1 : sizeof(float);
  const std::size_t gap = random.chance() ? static_cast<std::size_t>(random.integer(1, 7)) : 0;
  stride_ = static_cast<std::ptrdiff_t>((width + gap) * unit);
  memory_.resize((rows - 1) * (width + gap) * unit + width * unit);
  fill_with_ones();
  for (std::size_t r = 0; r < rows; ++r) {
    std::byte* values = memory_.data() + static_cast<std::ptrdiff_t>(r) * stride_;
    if (u8) {
      fill_bytes(reinterpret_cast<std::uint8_t*>(values), width, kind, random);
    } else {
      testing::fill({reinterpret_cast<float*>(values), width}, kind, random);
    }
  }
}

void Rows::fill_with_ones() { std::fill(memory_.begin(), memory_.end(), std::byte{0xff}); }

void Pages::prepare(const PagedAttention& kernels, const PagedShape& shape, const PagedMode& mode,
                    Random& random) {
  kernels_ = kernels;
  layout_ = kernels.layout(shape.heads, shape.head_dim, mode.keys, mode.values);
  const std::size_t count = pages_for(shape.positions);
  memory_.resize(count * layout_.bytes);
  std::fill(memory_.begin(), memory_.end(), std::byte{0});
  pages_.clear();
  for (const int place : shuffled(static_cast<int>(count), random)) {
    pages_.push_back(memory_.data() + static_cast<std::size_t>(place) * layout_.bytes);
  }
}

void Pages::keep(const Rows& keys, const Rows& values, const std::vector<int>& places, std::size_t first,
                 std::size_t rows) {
  kept_pages_.resize(rows);
  kept_positions_.resize(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    kept_pages_[r] = pages_[static_cast<std::size_t>(places[first + r] / kPagePositions)];
    kept_positions_[r] = static_cast<std::uint8_t>(places[first + r] % kPagePositions);
  }
  kernels_.keep({.layout = &layout_,
                 .rows = static_cast<int>(rows),
                 .keys = keys.row(first),
                 .values = values.row(first),
                 .key_stride = keys.stride(),
                 .value_stride = values.stride(),
                 .pages = kept_pages_.data(),
                 .positions = kept_positions_.data()});
}

void Pages::prepare_attend(const Attend& job) {
  job_ = job;
  prepare(job_, scores_, kNan);
}

void Pages::prepare_attend(const AttendPolynomial& job) {
  polynomial_job_ = job;
  prepare(polynomial_job_, integer_scores_, std::numeric_limits<std::int32_t>::max());
}

template <class Job, class Score>
void Pages::prepare(Job& job, GuardedArray<Score>& scores, Score unused) {
  std::copy(pages_.begin(), pages_.end(), seen_pages_.resize(pages_.size()));
  job.layout = &layout_;
  job.pages = seen_pages_.data();
  // Scratch from an earlier call must not count.
  const std::size_t room = kAttendScratchRows * round_up(static_cast<std::size_t>(job.positions), 64);
  std::fill_n(job.scores = scores.resize(room), room, unused);
  std::fill_n(job.weights = weights_.resize(room), room, std::uint8_t{0xff});
}

std::size_t pages_for(int positions) {
  return static_cast<std::size_t>((positions + kPagePositions - 1) / kPagePositions);
}

std::vector<int> shuffled(int count, Random& random) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (int i = count; i > 1; --i) {
    std::swap(numbers[static_cast<std::size_t>(i - 1)],
              numbers[static_cast<std::size_t>(random.integer(0, i - 1))]);
  }
  return numbers;
}

std::vector<int> shuffled_or_not(int count, Random& random) {
  std::vector<int> numbers = shuffled(count, random);
  if (random.chance()) std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace octavo::testing
