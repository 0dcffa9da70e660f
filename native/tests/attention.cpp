#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "paged_pair.h"
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
  for (int heads = 3; heads <= 16; ++heads) {
    for (int queries = 1; queries <= 3; ++queries) shapes.push_back({queries, 20, heads, 17});
  }
  for (const int queries : {1, 4, 9}) shapes.push_back({queries, 200, 8, 64});
  return shapes;
}

/// What is added to scores: nothing, a row for all queries, one for each, or a bias of position - query.
class Biases {
 public:
  void prepare(const PagedShape& shape, Random& random) {
    kind_ = random.integer(0, 3);
    if (kind_ == 0) return;
    const int room = static_cast<int>(pages_for(shape.positions)) * kPagePositions;
    const int queries = shape.queries;
    query_stride_ = kind_ == 1 ? 0 : kind_ == 2 ? room + random.integer(0, 3) : -1;
    first_ = kind_ == 3 ? queries - 1 : 0;
    head_stride_ = room + (queries - 1) * std::abs(query_stride_) + random.integer(0, 3);
    values_.resize(static_cast<std::size_t>(shape.heads - 1) * static_cast<std::size_t>(head_stride_) +
                   static_cast<std::size_t>(room + (queries - 1) * std::abs(query_stride_)));
    fill({values_.data(), values_.size()}, random.integer(0, 3) == 0 ? Values::special : Values::normal,
         random);
    // Behind the last position: of no query where positions are a query's own.
    if (query_stride_ >= 0) put_nan(shape, room);
  }

  ScoreBias bias() const {
    if (kind_ == 0) return {};
    return {.values = values_.data() + first_, .head_stride = head_stride_, .query_stride = query_stride_};
  }

  const char* text() const {
    static constexpr std::array kNames{"", " one bias", " a bias for each query", " a bias of distance"};
    return kNames[static_cast<std::size_t>(kind_)];
  }

 private:
  void put_nan(const PagedShape& shape, int room) {
    for (int head = 0; head < shape.heads; ++head) {
      for (int query = 0; query < (query_stride_ == 0 ? 1 : shape.queries); ++query) {
        float* row = values_.data() + head * head_stride_ + query * query_stride_;
        std::fill(row + shape.positions, row + room, std::numeric_limits<float>::quiet_NaN());
      }
    }
  }

  int kind_ = 0;
  int first_ = 0;
  int query_stride_ = 0;
  int head_stride_ = 0;
  GuardedArray<float> values_;
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
        describe("attend", kernels_.name, " queries=", shape.queries, " positions=", shape.positions,
                 " heads=", shape.heads, " head_dim=", shape.head_dim, " keys=", mode.keys ? "u8" : "floats",
                 " kept values=", mode.values ? "u8" : "floats", " output=", mode.output ? "u8" : "floats",
                 mode.output ? quantized_.text() : "", mode.ordered ? " in their own order" : "",
                 bias_.text(), " values=", name_of(kind));
    pages_.prepare(kernels_.attention, shape, mode, random_);
    query_.fill(static_cast<std::size_t>(shape.queries), static_cast<std::size_t>(width), mode.keys, kind,
                random_);
    prepare_scales();
    bias_.prepare(shape, random_);
    seen_.choose(shape, mode.ordered, random_);
    pages_.keep_all(kind, seen_, random_);
    pages_.expected().attend(job(width + gap, output_.expected(), quantized_.for_reference()));
    pages_.actual().attend(job(width + gap, output_.actual(), quantized_.for_subject()));
    output_.verify(call, "output");
    quantized_.verify(call);
  }

  Attend job(int stride, float* output, const QuantizedRows& quantized) const {
    Attend job{.queries = shape_.queries,
               .query = query_.row(0),
               .query_stride = query_.stride(),
               .positions = shape_.positions,
               .score_scale = score_scale_.data(),
               .bias = bias_.bias(),
               .value_scale = mode_.values ? value_scale_.data() : nullptr,
               .output = mode_.output ? nullptr : output,
               .output_stride = stride,
               .quantized = mode_.output ? quantized : QuantizedRows{}};
    seen_.put(job);
    return job;
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

  const KernelTable& kernels_;
  Random random_;
  PagedShape shape_{};
  PagedMode mode_{};
  PagedPair pages_;
  SeenPositions seen_;
  Rows query_;
  GuardedArray<float> score_scale_;
  GuardedArray<float> value_scale_;
  Biases bias_;
  CheckedOutput<float> output_;
  QuantizedTarget quantized_;
};

}  // namespace

int check_attend(const KernelTable& kernels, Random random) { return PagedCheck(kernels, random).run(); }

}  // namespace octavo::testing
