#include <algorithm>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/registry.h"
#include "pages.h"
#include "values.h"

namespace octavo::testing {

namespace {

/// Sees the positions of pages two at a time, each with the next, so that every key and every value counts.
class Neighbours {
 public:
  Neighbours(const PagedShape& shape, const PagedMode& mode, Random& random)
      : width_(shape.heads * shape.head_dim),
        positions_(shape.positions),
        order_(2 * static_cast<std::size_t>(positions_)),
        counts_(static_cast<std::size_t>(positions_), positions_ == 1 ? 1 : 2),
        visible_(static_cast<std::size_t>(positions_) * pages_for(positions_)),
        score_scale_(static_cast<std::size_t>(shape.heads), mode.keys ? 1e-4f : 0.5f),
        value_scale_(static_cast<std::size_t>(shape.heads), 0.1f) {
    queries_.fill(static_cast<std::size_t>(positions_), static_cast<std::size_t>(width_), mode.keys,
                  Values::normal, random);
    for (int query = 0; query < positions_; ++query) {
      for (const int place : {query, (query + 1) % positions_}) see(query, place);
    }
  }

  void verify(const std::string& call, Pages& expected, Pages& actual) {
    output_.shape(positions_, width_, width_);
    expected.attend(job(output_.expected()));
    actual.attend(job(output_.actual()));
    output_.verify(call, "what is found then");
  }

 private:
  void see(int query, int place) {
    order_[static_cast<std::size_t>(2 * query + (place == query ? 0 : 1))] = place;
    std::uint16_t& bits = visible_[static_cast<std::size_t>(query) * pages_for(positions_) +
                                   static_cast<std::size_t>(place / kPagePositions)];
    bits = static_cast<std::uint16_t>(bits | 1u << (place % kPagePositions));
  }

  Attend job(float* output) const {
    return {.queries = positions_,
            .query = queries_.row(0),
            .query_stride = queries_.stride(),
            .positions = positions_,
            .order = order_.data(),
            .order_stride = 2,
            .counts = counts_.data(),
            .visible = visible_.data(),
            .visible_stride = static_cast<std::ptrdiff_t>(pages_for(positions_)),
            .score_scale = score_scale_.data(),
            .value_scale = value_scale_.data(),
            .output = output,
            .output_stride = width_};
  }

  int width_;
  int positions_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> counts_;
  std::vector<std::uint16_t> visible_;
  std::vector<float> score_scale_;
  std::vector<float> value_scale_;
  Rows queries_;
  CheckedOutput<float> output_;
};

std::string describe_pages(const char* kernel, const KernelTable& kernels, const PagedShape& shape,
                           const PagedMode& mode) {
  return describe(kernel, kernels.name, " positions=", shape.positions, " heads=", shape.heads,
                  " head_dim=", shape.head_dim, " keys=", mode.keys ? "u8" : "floats",
                  " kept values=", mode.values ? "u8" : "floats");
}

}  // namespace

int check_layout(const KernelTable& kernels, Random) {
  int calls = 0;
  for (const int head_dim : lengths()) {
    for (const int heads : {1, 2, 3, 8, 16}) {
      for (unsigned bits = 0; bits < 4; ++bits, ++calls) {
        const PagedMode mode{.keys = (bits & 1) != 0, .values = (bits & 2) != 0};
        const PagedShape shape{.positions = kPagePositions, .heads = heads, .head_dim = head_dim};
        const std::string call = describe_pages("layout", kernels, shape, mode);
        const PageLayout layout = kernels.attention.layout(heads, head_dim, mode.keys, mode.values);
        const auto values = static_cast<std::size_t>(kPagePositions * heads * head_dim);
        const bool same = layout.heads == heads && layout.head_dim == head_dim &&
                          layout.keys_u8 == mode.keys && layout.values_u8 == mode.values;
        if (!same) throw Mismatch(call + ": not what was asked for");
        const bool room = layout.key_sums >= values * (mode.keys ? 1 : sizeof(float)) &&
                          layout.values >= layout.key_sums &&
                          layout.bytes >= layout.values + values * (mode.values ? 1 : sizeof(float));
        if (!room) throw Mismatch(call + ": parts overlap or are out of order");
        const bool lines = layout.values % kCacheLineBytes == 0 && layout.bytes % kCacheLineBytes == 0;
        if (!lines) throw Mismatch(call + ": values or pages do not begin on cache lines");
      }
    }
  }
  return calls;
}

/// All positions in some order, a few rows at a time; then some of them again.
int check_keep(const KernelTable& kernels, Random random) {
  Pages expected, actual;
  Rows keys, values;
  int calls = 0;
  for (const int head_dim : {1, 3, 4, 7, 16, 20, 31, 32, 50, 64, 80, 128}) {
    for (unsigned bits = 0; bits < 16; ++bits, ++calls) {
      const PagedMode mode{.keys = (bits & 1) != 0, .values = (bits & 2) != 0};
      const PagedShape shape{
          .positions = random.integer(1, 50), .heads = random.integer(1, 5), .head_dim = head_dim};
      const std::string call = describe_pages("keep", kernels, shape, mode);
      expected.prepare(reference_kernels().attention, shape, mode, random);
      actual.prepare(kernels.attention, shape, mode, random);
      Neighbours neighbours(shape, mode, random);
      std::vector<int> places = shuffled_or_not(shape.positions, random);
      for (const Values kind : {Values::normal, Values::ties}) {
        const auto width = static_cast<std::size_t>(shape.heads * head_dim);
        keys.fill(places.size(), width, mode.keys, kind, random);
        values.fill(places.size(), width, mode.values, kind, random);
        for (std::size_t first = 0; first < places.size();) {
          const auto rows =
              static_cast<std::size_t>(random.integer(1, static_cast<int>(places.size() - first)));
          expected.keep(keys, values, places, first, rows);
          actual.keep(keys, values, places, first, rows);
          first += rows;
        }
        neighbours.verify(call, expected, actual);
        places.resize(static_cast<std::size_t>(random.integer(1, shape.positions)));
      }
    }
  }
  return calls;
}

}  // namespace octavo::testing
