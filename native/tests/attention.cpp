#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/tiers.h"
#include "pages.h"
#include "quantized_target.h"
#include "values.h"

namespace octavo::testing {

namespace {

std::vector<PagedShape> paged_shapes(Random& random) {
  std::vector<PagedShape> shapes;
  for (const int head_dim :
       {1, 2, 3, 4, 5, 7, 15, 16, 17, 20, 31, 32, 33, 48, 63, 64, 65, 80, 96, 128, 130}) {
    for (const int positions : {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65}) {
      shapes.push_back({random.integer(1, 9), positions, random.integer(1, 4), head_dim});
    }
  }
  for (int queries = 1; queries <= 9; ++queries) {
    for (const int positions : {5, 26, 41}) {
      for (const int head_dim : {16, 20, 32, 64, 128}) shapes.push_back({queries, positions, 2, head_dim});
    }
  }
  for (int heads = 1; heads <= 16; ++heads) shapes.push_back({4, 26, heads, heads % 2 == 0 ? 32 : 20});
  for (const int queries : {1, 4, 9}) shapes.push_back({queries, 200, 8, 64});
  return shapes;
}

class PagedCheck {
 public:
  PagedCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const PagedShape& shape : paged_shapes(random_)) {
      for (unsigned bits = 0; bits < 16; ++bits, ++calls) {
        const auto turn = static_cast<std::size_t>(calls) / 16 + bits;
        compare(shape, {(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0},
                kFiniteValues[turn % kFiniteValues.size()]);
      }
    }
    return calls;
  }

 private:
  void compare(const PagedShape& shape, const PagedMode& mode, Values kind) {
    shape_ = shape;
    mode_ = mode;
    const int width = shape.heads * shape.head_dim;
    const int gap = random_.chance() ? random_.integer(1, 9) : 0;
    output_.shape(shape.queries, width, width + gap);
    quantized_.prepare(shape.queries, width, static_cast<std::size_t>(width), gap, random_);
    const std::string call =
        describe("attend", kernels_.name, " queries=", shape.queries, " positions=", shape.positions,
                 " heads=", shape.heads, " head_dim=", shape.head_dim, " keys=", mode.keys ? "u8" : "floats",
                 " kept values=", mode.values ? "u8" : "floats", " output=", mode.output ? "u8" : "floats",
                 mode.output ? quantized_.text() : "", mode.ordered ? " in their own order" : "",
                 " values=", name_of(kind));
    expected_.prepare(reference::table().attention, shape, mode, random_);
    actual_.prepare(kernels_.attention, shape, mode, random_);
    query_.fill(static_cast<std::size_t>(shape.queries), static_cast<std::size_t>(width), mode.keys, kind,
                random_);
    prepare_scales();
    choose_positions();
    keep_all(kind);
    expected_.attend(job(width + gap, output_.expected(), quantized_.for_reference()));
    actual_.attend(job(width + gap, output_.actual(), quantized_.for_subject()));
    output_.verify(call, "output");
    quantized_.verify(call);
  }

  Attend job(int stride, float* output, const QuantizedRows& quantized) const {
    return {.queries = shape_.queries,
            .query = query_.row(0),
            .query_stride = query_.stride(),
            .positions = shape_.positions,
            .order = mode_.ordered ? order_.data() : nullptr,
            .order_stride = order_stride_,
            .counts = mode_.ordered ? counts_.data() : nullptr,
            .visible = mode_.ordered ? visible_.data() : nullptr,
            .visible_stride = visible_stride_,
            .score_scale = score_scale_.data(),
            .value_scale = mode_.values ? value_scale_.data() : nullptr,
            .output = mode_.output ? nullptr : output,
            .output_stride = stride,
            .quantized = mode_.output ? quantized : QuantizedRows{}};
  }

  /// Scales that spread the weights of several keys; now and then 0, huge or tiny ones.
  void prepare_scales() {
    const auto heads = static_cast<std::size_t>(shape_.heads);
    const float factor = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim));
    score_scale_.resize(heads);
    value_scale_.resize(heads);
    for (std::size_t head = 0; head < heads; ++head) {
      score_scale_[head] = factor * (mode_.keys ? (1.5f + random_.unit()) * 2e-4f : 1.0f);
      value_scale_[head] = (1.5f + random_.unit()) / 64.0f;
    }
    if (random_.integer(0, 15) == 0) score_scale_[0] = random_.chance() ? 0.0f : random_.any_finite();
    if (random_.integer(0, 15) == 0) value_scale_[0] = random_.chance() ? 0.0f : random_.any_finite();
  }

  /// Some positions for each query, in any order, and all of them as bits.
  void choose_positions() {
    const auto queries = static_cast<std::size_t>(shape_.queries);
    const auto positions = static_cast<std::size_t>(shape_.positions);
    const std::size_t pages = pages_for(shape_.positions);
    const auto gap = static_cast<std::size_t>(random_.integer(0, 3));
    order_stride_ = static_cast<std::ptrdiff_t>(positions + gap);
    visible_stride_ = static_cast<std::ptrdiff_t>(pages + gap);
    order_.resize((queries - 1) * (positions + gap) + positions);
    visible_.resize((queries - 1) * (pages + gap) + pages);
    counts_.resize(queries);
    std::fill(order_.begin(), order_.end(), std::numeric_limits<std::int32_t>::max());
    std::fill(visible_.begin(), visible_.end(), std::uint16_t{0});
    for (std::size_t query = 0; query < queries; ++query) {
      const std::vector<int> places = shuffled(shape_.positions, random_);
      const int few = random_.chance() ? 1 : shape_.positions;
      counts_[query] = random_.integer(std::min(few, shape_.positions), shape_.positions);
      for (std::size_t j = 0; j < static_cast<std::size_t>(counts_[query]); ++j) {
        const int place = places[j];
        order_[query * (positions + gap) + j] = place;
        std::uint16_t& bits =
            visible_[query * (pages + gap) + static_cast<std::size_t>(place / kPagePositions)];
        bits = static_cast<std::uint16_t>(bits | 1u << (place % kPagePositions));
      }
    }
  }

  /// Something at every place of every page, then the rows that count. What no query sees keeps what was
  /// there first, which is NaN where it is floats.
  void keep_all(Values kind) {
    std::vector<int> places = shuffled_or_not(shape_.positions, random_);
    fill_kept(places.size(), kind);
    keys_.fill_with_ones();
    values_.fill_with_ones();
    keep(places);
    places = shuffled_or_not(shape_.positions, random_);
    places.erase(std::remove_if(places.begin(), places.end(), [&](int place) { return !is_seen(place); }),
                 places.end());
    fill_kept(places.size(), kind);
    keep(places);
  }

  void fill_kept(std::size_t rows, Values kind) {
    const std::size_t width =
        static_cast<std::size_t>(shape_.heads) * static_cast<std::size_t>(shape_.head_dim);
    keys_.fill(rows, width, mode_.keys, kind, random_);
    values_.fill(rows, width, mode_.values, kind, random_);
  }

  /// A few rows at a time.
  void keep(const std::vector<int>& places) {
    for (std::size_t first = 0; first < places.size();) {
      const int rows = random_.integer(1, static_cast<int>(places.size() - first));
      expected_.keep(keys_, values_, places, first, static_cast<std::size_t>(rows));
      actual_.keep(keys_, values_, places, first, static_cast<std::size_t>(rows));
      first += static_cast<std::size_t>(rows);
    }
  }

  bool is_seen(int place) const {
    if (!mode_.ordered) return true;
    return std::find(order_.begin(), order_.end(), place) != order_.end();
  }

  const KernelTable& kernels_;
  Random random_;
  PagedShape shape_{};
  PagedMode mode_{};
  Pages expected_;
  Pages actual_;
  Rows query_;
  Rows keys_;
  Rows values_;
  GuardedArray<std::int32_t> order_;
  std::ptrdiff_t order_stride_ = 0;
  GuardedArray<std::int32_t> counts_;
  GuardedArray<std::uint16_t> visible_;
  std::ptrdiff_t visible_stride_ = 0;
  GuardedArray<float> score_scale_;
  GuardedArray<float> value_scale_;
  CheckedOutput<float> output_;
  QuantizedTarget quantized_;
};

}  // namespace

int check_attend(const KernelTable& kernels, Random random) { return PagedCheck(kernels, random).run(); }

}  // namespace octavo::testing
