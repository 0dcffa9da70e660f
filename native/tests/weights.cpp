#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/integer_kernels.h"
#include "paged_pair.h"
#include "values.h"

namespace octavo::testing {

namespace {

std::vector<PagedShape> shapes_to_weigh(Random& random) {
  std::vector<PagedShape> shapes;
  for (const int head_dim : {1, 2, 3, 4, 5, 7, 15, 16, 17, 20, 31, 32, 33, 48, 63, 64, 65, 96, 128, 130}) {
    for (const int positions : {1, 2, 15, 16, 17, 32, 33, 65}) {
      shapes.push_back({random.integer(1, 9), positions, random.integer(1, 5), head_dim});
    }
  }
  for (int positions = 1; positions <= 130; ++positions) {
    shapes.push_back({1 + positions % 9, positions, 1 + positions % 3, positions % 2 == 0 ? 64 : 20});
  }
  return shapes;
}

/// The weights of one head in pages of the reference and of the tier.
class WeighCheck {
 public:
  WeighCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const PagedShape& shape : shapes_to_weigh(random_)) {
      for (const bool keys : {false, true}) {
        compare(shape, keys, kFiniteValues[static_cast<std::size_t>(calls++) % kFiniteValues.size()]);
      }
    }
    return calls;
  }

  int run_polynomial() {
    int calls = 0;
    for (const PagedShape& shape : shapes_to_weigh(random_)) {
      for (int degree = 1; degree <= 4; ++degree) {
        compare_polynomial(shape, degree,
                           kFiniteValues[static_cast<std::size_t>(calls++) % kFiniteValues.size()]);
      }
    }
    return calls;
  }

 private:
  void compare(const PagedShape& shape, bool keys, Values kind) {
    const std::string call =
        describe("weigh", kernels_.name, " queries=", shape.queries, " positions=", shape.positions,
                 " heads=", shape.heads, " head_dim=", shape.head_dim, " keys=", keys ? "u8" : "floats",
                 " values=", name_of(kind));
    prepare(shape, {.keys = keys, .values = random_.chance()}, kind);
    score_scale_.resize(static_cast<std::size_t>(shape.heads));
    value_scale_.resize(static_cast<std::size_t>(shape.heads));
    const float factor = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
    for (float& scale : score_scale_) scale = factor * (keys ? (1.5f + random_.unit()) * 2e-4f : 1.0f);
    for (float& scale : value_scale_) scale = 0.01f;
    verify(call, shape,
           Attend{.queries = shape.queries,
                  .query = query_.row(0),
                  .query_stride = query_.stride(),
                  .positions = shape.positions,
                  .score_scale = score_scale_.data(),
                  .value_scale = value_scale_.data()});
  }

  void compare_polynomial(const PagedShape& shape, int degree, Values kind) {
    const std::string call = describe(
        "weigh_polynomial", kernels_.name, " queries=", shape.queries, " positions=", shape.positions,
        " heads=", shape.heads, " head_dim=", shape.head_dim, " degree=", degree, " values=", name_of(kind));
    prepare(shape, {.keys = true, .values = true}, kind);
    heads_.resize(static_cast<std::size_t>(shape.heads));
    for (HeadPolynomial& head : heads_) {
      head = {.bias = random_.integer(-(1 << 18), 1 << 18),
              .delta = random_.chance() ? 0 : random_.integer(1 << 30, 0x7fffffff),
              .delta_shift = random_.integer(15, 40)};
      if (random_.integer(0, 7) == 0) head.bias = random_.chance() ? (1 << 30) - 1 : -((1 << 30) - 1);
    }
    verify(call, shape,
           AttendPolynomial{.queries = shape.queries,
                            .query = reinterpret_cast<const std::uint8_t*>(query_.row(0)),
                            .query_stride = query_.stride(),
                            .positions = shape.positions,
                            .heads = heads_.data(),
                            .degree = degree});
  }

  void prepare(const PagedShape& shape, const PagedMode& mode, Values kind) {
    seen_.choose(shape, false, random_);
    pages_.prepare(kernels_.attention, shape, mode, random_);
    query_.fill(static_cast<std::size_t>(shape.queries),
                static_cast<std::size_t>(shape.heads * shape.head_dim), mode.keys, kind, random_);
    pages_.keep_all(kind, seen_, random_);
  }

  template <class Job>
  void verify(const std::string& call, const PagedShape& shape, const Job& job) {
    const int head = random_.integer(0, shape.heads - 1);
    const std::size_t stride = round_up(static_cast<std::size_t>(shape.positions), 64);
    const std::size_t size = static_cast<std::size_t>(shape.queries) * stride;
    const auto target = [&](GuardedArray<std::uint8_t>& weights) {
      return HeadWeights{
          .head = head, .weights = weights.resize(size), .stride = static_cast<std::ptrdiff_t>(stride)};
    };
    pages_.expected().weigh(job, target(expected_));
    pages_.actual().weigh(job, target(actual_));
    for (std::size_t i = 0; i < size; ++i) {
      if (i % stride >= static_cast<std::size_t>(shape.positions) || expected_[i] == actual_[i]) continue;
      fail(call,
           "head " + std::to_string(head) + ", query " + std::to_string(i / stride) + ", position " +
               std::to_string(i % stride),
           expected_[i], actual_[i]);
    }
  }

  const KernelTable& kernels_;
  Random random_;
  PagedPair pages_;
  SeenPositions seen_;
  Rows query_;
  GuardedArray<float> score_scale_;
  GuardedArray<float> value_scale_;
  GuardedArray<HeadPolynomial> heads_;
  GuardedArray<std::uint8_t> expected_;
  GuardedArray<std::uint8_t> actual_;
};

}  // namespace

int check_weigh(const KernelTable& kernels, Random random) { return WeighCheck(kernels, random).run(); }

int check_weigh_polynomial(const KernelTable& kernels, Random random) {
  return WeighCheck(kernels, random).run_polynomial();
}

}  // namespace octavo::testing
