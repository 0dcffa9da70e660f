#include <array>
#include <string>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/integer_kernels.h"
#include "paged_pair.h"
#include "values.h"

namespace octavo::testing {

namespace {

constexpr std::int32_t kSmallestMantissa = 1 << 30;
constexpr std::int32_t kLargestMantissa = 0x7fffffff;

std::vector<PagedShape> polynomial_shapes(Random& random) {
  std::vector<PagedShape> shapes;
  constexpr std::array kHeadDims{1,  2,  3,  4,  5,  7,  15, 16, 17, 20,  31,  32,
                                 33, 47, 48, 49, 63, 64, 65, 80, 96, 127, 128, 130};
  for (const int head_dim : kHeadDims) {
    for (const int positions : {1, 16, 17, 32, 33, 65}) {
      shapes.push_back({random.integer(1, 9), positions, random.integer(1, 4), head_dim});
    }
  }
  for (int queries = 1; queries <= 9; ++queries) {
    for (int heads = 1; heads <= 9; ++heads) shapes.push_back({queries, 26, heads, heads == 8 ? 64 : 20});
  }
  for (int heads = 10; heads <= 16; ++heads) shapes.push_back({1 + heads % 4, 26, heads, 20});
  for (int positions = 1; positions <= 200; ++positions) {
    const int head_dim = kHeadDims[static_cast<std::size_t>(positions) % kHeadDims.size()];
    shapes.push_back({random.integer(1, 5), positions, random.integer(1, 3), head_dim});
  }
  return shapes;
}

class PolynomialCheck {
 public:
  PolynomialCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  int run() {
    int calls = 0;
    for (const PagedShape& shape : polynomial_shapes(random_)) {
      for (int degree = 1; degree <= 4; ++degree) {
        for (const bool ordered : {false, true}) {
          compare(shape, degree, ordered, kBytes[static_cast<std::size_t>(calls++) % kBytes.size()]);
        }
      }
    }
    return calls;
  }

 private:
  /// Any bytes, the ends of the range, all 255, all 128, all equal; any bytes most often.
  static constexpr std::array kBytes{Values::normal, Values::normal, Values::wide,
                                     Values::normal, Values::tiny,   Values::normal,
                                     Values::zeros,  Values::normal, Values::equal};

  void compare(const PagedShape& shape, int degree, bool ordered, Values kind) {
    const int width = shape.heads * shape.head_dim;
    const int stride = width + (random_.chance() ? random_.integer(1, 9) : 0);
    prepare_heads(shape.heads);
    const std::string call = describe(
        "attend_polynomial", kernels_.name, " queries=", shape.queries, " positions=", shape.positions,
        " heads=", shape.heads, " head_dim=", shape.head_dim, " degree=", degree,
        ordered ? " in their own order" : "", " values=", name_of(kind), heads_text());
    seen_.choose(shape, ordered, random_);
    pages_.prepare(kernels_.attention, shape, {.keys = true, .values = true}, random_);
    query_.fill(static_cast<std::size_t>(shape.queries), static_cast<std::size_t>(width), true, kind,
                random_);
    pages_.keep_all(kind, seen_, random_);
    output_.shape(shape.queries, width, stride);
    AttendPolynomial job{.queries = shape.queries,
                         .query = reinterpret_cast<const std::uint8_t*>(query_.row(0)),
                         .query_stride = query_.stride(),
                         .positions = shape.positions,
                         .heads = heads_.data(),
                         .degree = degree,
                         .output_stride = stride};
    seen_.put(job);
    job.output = output_.expected();
    pages_.expected().attend(job);
    job.output = output_.actual();
    pages_.actual().attend(job);
    output_.verify(call, "output");
  }

  void prepare_heads(int heads) {
    heads_.resize(static_cast<std::size_t>(heads));
    for (HeadPolynomial& head : heads_) {
      head = {.bias = any_bias(),
              .delta = random_.chance() ? 0 : any_mantissa(),
              .delta_shift = any_delta_shift()};
      head.context = any_mantissa();
      // Mostly about 1, at most 2^4.
      head.context_exponent = random_.integer(-33, -27);
      if (random_.integer(0, 7) == 0)
        head.context_exponent = random_.chance() ? -128 : random_.integer(-64, -40);
      if (random_.integer(0, 7) == 0) {
        head.context = kSmallestMantissa;
        head.context_exponent = -26;
      }
    }
  }

  /// None, about as large as scores are, or so that all scores are below or far above it.
  std::int32_t any_bias() {
    constexpr std::int32_t kLimit = (1 << 30) - 1;
    switch (random_.integer(0, 7)) {
      case 0: return 0;
      case 1: return -kLimit;
      case 2: return kLimit;
      case 3: return random_.integer(-kLimit, kLimit);
      case 4: return random_.integer(32700, 32800);  // where the first shift begins
      case 5: return random_.integer(65500, 65600);
      default: return random_.integer(-100000, 100000);
    }
  }

  std::int32_t any_mantissa() {
    if (random_.integer(0, 3) == 0) return random_.chance() ? kSmallestMantissa : kLargestMantissa;
    return random_.integer(kSmallestMantissa, kLargestMantissa);
  }

  /// From a delta that is clamped to one that is nothing.
  std::int32_t any_delta_shift() {
    switch (random_.integer(0, 5)) {
      case 0: return 1;
      case 1: return random_.integer(1, 62);
      case 2: return 62;
      default: return random_.integer(15, 33);
    }
  }

  std::string heads_text() const {
    std::string text;
    for (const HeadPolynomial& head : heads_) {
      text += " {" + std::to_string(head.bias) + ", " + std::to_string(head.delta) + ", " +
              std::to_string(head.delta_shift) + ", " + std::to_string(head.context) + ", " +
              std::to_string(head.context_exponent) + "}";
    }
    return text;
  }

  const KernelTable& kernels_;
  Random random_;
  PagedPair pages_;
  SeenPositions seen_;
  Rows query_;
  GuardedArray<HeadPolynomial> heads_;
  CheckedOutput<std::uint8_t> output_;
};

}  // namespace

int check_attend_polynomial(const KernelTable& kernels, Random random) {
  return PolynomialCheck(kernels, random).run();
}

}  // namespace octavo::testing
