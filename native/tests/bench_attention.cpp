#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/stopwatch.h"
#include "bench.h"
#include "pages.h"

namespace octavo::testing {

namespace {

struct Work {
  const char* name;
  int queries;
  int positions;
  bool ordered;  // each query sees half of the positions
};

constexpr std::array kWorks{Work{"encoder", 26, 26, false}, Work{"cross", 4, 26, false},
                            Work{"cross", 1, 26, false},    Work{"self", 4, 32, true},
                            Work{"self", 1, 16, false},     Work{"encoder", 100, 100, false}};

/// Time of one kernel of pages full of what `mode` says.
class PagedBench {
 public:
  PagedBench(const KernelTable& kernels, const Work& work, int heads, int head_dim, bool u8)
      : work_(work), heads_(heads), head_dim_(head_dim), u8_(u8) {
    const PagedShape shape{work.queries, work.positions, heads, head_dim};
    const auto width = static_cast<std::size_t>(heads * head_dim);
    pages_.prepare(kernels.attention, shape, {.keys = u8, .values = u8}, random_);
    keys_.fill(static_cast<std::size_t>(work.positions), width, u8, Values::normal, random_);
    values_.fill(static_cast<std::size_t>(work.positions), width, u8, Values::normal, random_);
    queries_.fill(static_cast<std::size_t>(work.queries), width, u8, Values::normal, random_);
    for (int i = 0; i < work.positions; ++i) places_.push_back(i);
    keep();
    scale_.assign(static_cast<std::size_t>(heads),
                  (u8 ? 2e-4f : 1.0f) / std::sqrt(static_cast<float>(head_dim)));
    output_.ensure(static_cast<std::size_t>(work.queries) * width);
    output_u8_.ensure(static_cast<std::size_t>(work.queries) * width);
    std::fill_n(inverse_.ensure(width), width, 1.0f);
    heads_polynomials_.assign(static_cast<std::size_t>(heads),
                              {.bias = 10000, .delta = 1 << 30, .delta_shift = 20});
    see_half();
  }

  void keep() { pages_.keep(keys_, values_, places_, 0, places_.size()); }

  void prepare_attend() {
    const auto width = static_cast<std::ptrdiff_t>(heads_ * head_dim_);
    Attend job{.queries = work_.queries,
               .query = queries_.row(0),
               .query_stride = queries_.stride(),
               .positions = work_.positions,
               .score_scale = scale_.data(),
               .value_scale = scale_.data()};
    put_seen(job);
    if (u8_) {
      job.quantized = {
          .values = output_u8_.data(), .stride = width, .inverse = inverse_.data(), .zero_point = 128};
    } else {
      job.output = output_.data();
      job.output_stride = width;
    }
    pages_.prepare_attend(job);
  }

  void attend() const { pages_.attend(); }

  /// The same with polynomial attention of the degree 3, where all is u8.
  void prepare_polynomial() {
    AttendPolynomial job{.queries = work_.queries,
                         .query = reinterpret_cast<const std::uint8_t*>(queries_.row(0)),
                         .query_stride = queries_.stride(),
                         .positions = work_.positions,
                         .heads = heads_polynomials_.data(),
                         .degree = 3,
                         .output = output_u8_.data(),
                         .output_stride = heads_ * head_dim_};
    put_seen(job);
    pages_.prepare_attend(job);
  }

  void attend_polynomial() const { pages_.attend_polynomial(); }

 private:
  template <class Job>
  void put_seen(Job& job) const {
    if (!work_.ordered) return;
    job.order = order_.data();
    job.order_stride = work_.positions;
    job.counts = counts_.data();
    job.visible = visible_.data();
    job.visible_stride = static_cast<std::ptrdiff_t>(pages_for(work_.positions));
  }

  void see_half() {
    const std::size_t pages = pages_for(work_.positions);
    for (int query = 0; query < work_.queries; ++query) {
      counts_.push_back(work_.positions / 2);
      for (int i = 0; i < work_.positions; ++i) order_.push_back(i * 2 % work_.positions);
      for (std::size_t page = 0; page < pages; ++page) visible_.push_back(0x5555);
    }
  }

  Work work_;
  int heads_;
  int head_dim_;
  bool u8_;
  Random random_{1};
  Pages pages_;
  Rows keys_;
  Rows values_;
  Rows queries_;
  std::vector<int> places_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> counts_;
  std::vector<std::uint16_t> visible_;
  std::vector<float> scale_;
  std::vector<HeadPolynomial> heads_polynomials_;
  AlignedBuffer<float> output_;
  AlignedBuffer<std::uint8_t> output_u8_;
  AlignedBuffer<float> inverse_;
};

/// Polynomial attention and attend over the same bytes, in turn.
void bench_polynomial(const KernelTable& kernels, const Work& work, int heads, int head_dim) {
  PagedBench bench(kernels, work, heads, head_dim, true);
  bench.prepare_attend();
  bench.prepare_polynomial();
  double taken = std::numeric_limits<double>::infinity();
  double polynomial = taken;
  for (int round = 0; round < 15; ++round) {
    taken = std::min(taken, time_calls([&] { bench.attend(); }, 1).fastest);
    polynomial = std::min(polynomial, time_calls([&] { bench.attend_polynomial(); }, 1).fastest);
  }
  std::printf(
      "  %-8s %-6s queries=%-3d positions=%-3d head_dim=%-3d %9.0f ns, per query and head %6.1f ns; "
      "polynomial, %.2f times as long as attend on u8\n",
      work.name, "u8", work.queries, work.positions, head_dim, polynomial,
      polynomial / (work.queries * heads), polynomial / taken);
  std::fflush(stdout);
}

}  // namespace

void bench_attention(const KernelTable& kernels) {
  constexpr int kHeads = 8;
  for (const int head_dim : {64, 32}) {
    for (const bool u8 : {false, true}) {
      for (const Work& work : kWorks) {
        PagedBench bench(kernels, work, kHeads, head_dim, u8);
        bench.prepare_attend();
        const double taken = time_calls([&] { bench.attend(); }, 15).fastest;
        const double kept = time_calls([&] { bench.keep(); }, 15).fastest;
        std::printf(
            "  %-8s %-6s queries=%-3d positions=%-3d head_dim=%-3d %9.0f ns, per query and head %6.1f ns; "
            "keep, per row %6.1f ns\n",
            work.name, u8 ? "u8" : "floats", work.queries, work.positions, head_dim, taken,
            taken / (work.queries * kHeads), kept / work.positions);
        std::fflush(stdout);
      }
    }
    for (const Work& work : kWorks) bench_polynomial(kernels, work, kHeads, head_dim);
  }
}

}  // namespace octavo::testing
