#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/tiers.h"
#include "quantized_target.h"
#include "values.h"

namespace octavo::testing {

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct PagedShape {
  int queries;
  int positions;
  int heads;
  int head_dim;
};

/// What is u8, the rest being floats, and whether each query sees positions of its own.
struct PagedMode {
  bool keys;
  bool values;
  bool output;
  bool ordered;
};

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

/// Rows of floats or bytes with something else between them; the last ends at the guard.
struct Rows {
  GuardedArray<std::byte> memory;
  std::ptrdiff_t stride = 0;

  void fill(int rows, std::size_t width, bool u8, Values kind, Random& random) {
    const std::size_t unit = u8 ? 1 : sizeof(float);
    const std::size_t gap = random.chance() ? static_cast<std::size_t>(random.integer(1, 7)) : 0;
    stride = static_cast<std::ptrdiff_t>((width + gap) * unit);
    memory.resize(static_cast<std::size_t>(rows - 1) * (width + gap) * unit + width * unit);
    std::fill(memory.begin(), memory.end(), std::byte{0xff});
    for (int row = 0; row < rows; ++row) {
      std::byte* values = memory.data() + row * stride;
      if (u8) {
        fill_bytes(reinterpret_cast<std::uint8_t*>(values), width, kind, random);
      } else {
        testing::fill({reinterpret_cast<float*>(values), width}, kind, random);
      }
    }
  }
};

/// Pages of one tier: in any order in memory, the last at the guard.
class Pages {
 public:
  void prepare(const PagedAttention& kernels, const PagedShape& shape, const PagedMode& mode,
               Random& random) {
    kernels_ = kernels;
    layout_ = kernels.layout(shape.heads, shape.head_dim, mode.keys, mode.values);
    const auto count = static_cast<std::size_t>((shape.positions + kPagePositions - 1) / kPagePositions);
    memory_.resize(count * layout_.bytes);
    std::fill(memory_.begin(), memory_.end(), std::byte{0});
    pages_.resize(count);
    for (std::size_t i = 0; i < count; ++i) pages_[i] = memory_.data() + i * layout_.bytes;
    for (std::size_t i = count; i > 1; --i) {
      std::swap(pages_[i - 1], pages_[static_cast<std::size_t>(random.integer(0, static_cast<int>(i) - 1))]);
    }
  }

  void verify_layout(const std::string& call, const PagedShape& shape, const PagedMode& mode) const {
    const bool same = layout_.heads == shape.heads && layout_.head_dim == shape.head_dim &&
                      layout_.keys_u8 == mode.keys && layout_.values_u8 == mode.values;
    const bool lines = layout_.values % kCacheLineBytes == 0 && layout_.bytes % kCacheLineBytes == 0;
    if (!same || !lines) throw Mismatch(call + ": layout: not what was asked for, or not in cache lines");
  }

  /// Keeps row r of keys and values at position places[first + r].
  void keep(const Rows& keys, const Rows& values, const std::vector<int>& places, std::size_t first,
            std::size_t rows) {
    kept_pages_.resize(rows);
    kept_positions_.resize(rows);
    for (std::size_t r = 0; r < rows; ++r) {
      kept_pages_[r] = pages_[static_cast<std::size_t>(places[first + r] / kPagePositions)];
      kept_positions_[r] = static_cast<std::uint8_t>(places[first + r] % kPagePositions);
    }
    kernels_.keep({.layout = &layout_,
                   .rows = static_cast<int>(rows),
                   .keys = keys.memory.data() + static_cast<std::ptrdiff_t>(first) * keys.stride,
                   .values = values.memory.data() + static_cast<std::ptrdiff_t>(first) * values.stride,
                   .key_stride = keys.stride,
                   .value_stride = values.stride,
                   .pages = kept_pages_.data(),
                   .positions = kept_positions_.data()});
  }

  void attend(Attend job) {
    std::copy(pages_.begin(), pages_.end(), seen_pages_.resize(pages_.size()));
    job.layout = &layout_;
    job.pages = seen_pages_.data();
    // Scratch from an earlier call must not count.
    const std::size_t room = kAttendQueries * round_up(static_cast<std::size_t>(job.positions), 64);
    std::fill_n(job.scores = scores_.resize(room), room, kNan);
    std::fill_n(job.weights = weights_.resize(room), room, std::uint8_t{0xff});
    kernels_.attend(job);
  }

 private:
  PagedAttention kernels_{};
  PageLayout layout_{};
  GuardedArray<std::byte> memory_;
  std::vector<std::byte*> pages_;
  GuardedArray<std::byte*> kept_pages_;
  GuardedArray<std::uint8_t> kept_positions_;
  GuardedArray<const std::byte*> seen_pages_;
  GuardedArray<float> scores_;
  GuardedArray<std::uint8_t> weights_;
};

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
        describe("attention", kernels_.name, " queries=", shape.queries, " positions=", shape.positions,
                 " heads=", shape.heads, " head_dim=", shape.head_dim, " keys=", mode.keys ? "u8" : "floats",
                 " kept values=", mode.values ? "u8" : "floats", " output=", mode.output ? "u8" : "floats",
                 mode.output ? quantized_.text() : "", mode.ordered ? " in their own order" : "",
                 " values=", name_of(kind));
    expected_.prepare(reference::table().attention, shape, mode, random_);
    actual_.prepare(kernels_.attention, shape, mode, random_);
    actual_.verify_layout(call, shape, mode);
    query_.fill(shape.queries, static_cast<std::size_t>(width), mode.keys, kind, random_);
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
            .query = query_.memory.data(),
            .query_stride = query_.stride,
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
    const std::size_t pages = (positions + kPagePositions - 1) / kPagePositions;
    const auto gap = static_cast<std::size_t>(random_.integer(0, 3));
    order_stride_ = static_cast<std::ptrdiff_t>(positions + gap);
    visible_stride_ = static_cast<std::ptrdiff_t>(pages + gap);
    order_.resize((queries - 1) * (positions + gap) + positions);
    visible_.resize((queries - 1) * (pages + gap) + pages);
    counts_.resize(queries);
    std::fill(order_.begin(), order_.end(), std::numeric_limits<std::int32_t>::max());
    std::fill(visible_.begin(), visible_.end(), std::uint16_t{0});
    for (std::size_t query = 0; query < queries; ++query) {
      const std::vector<int> places = shuffled_positions();
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
    std::vector<int> places = shuffled_positions();
    fill_kept(places.size(), kind);
    std::fill(keys_.memory.begin(), keys_.memory.end(), std::byte{0xff});
    std::fill(values_.memory.begin(), values_.memory.end(), std::byte{0xff});
    keep(places);
    places = shuffled_positions();
    places.erase(std::remove_if(places.begin(), places.end(), [&](int place) { return !is_seen(place); }),
                 places.end());
    fill_kept(places.size(), kind);
    keep(places);
  }

  void fill_kept(std::size_t rows, Values kind) {
    const std::size_t width =
        static_cast<std::size_t>(shape_.heads) * static_cast<std::size_t>(shape_.head_dim);
    keys_.fill(static_cast<int>(rows), width, mode_.keys, kind, random_);
    values_.fill(static_cast<int>(rows), width, mode_.values, kind, random_);
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

  std::vector<int> shuffled_positions() {
    std::vector<int> places(static_cast<std::size_t>(shape_.positions));
    std::iota(places.begin(), places.end(), 0);
    for (std::size_t i = places.size(); i > 1; --i) {
      std::swap(places[i - 1], places[static_cast<std::size_t>(random_.integer(0, static_cast<int>(i) - 1))]);
    }
    return places;
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

int check_attention(const KernelTable& kernels, Random random) { return PagedCheck(kernels, random).run(); }

}  // namespace octavo::testing
