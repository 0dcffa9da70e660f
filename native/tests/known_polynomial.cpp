#include "known_polynomial.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "call.h"
#include "kernels/integer_kernels.h"
#include "kernels/registry.h"

namespace octavo::testing {

namespace {

using Three = std::array<int, 3>;

/// One head of three columns. The score of key j is `query` · keys[j], its value 127 in column j and 0 in the
/// others, so that column j of the context is 127 · w_j · C / W.
struct Known {
  const char* name;
  int degree;
  HeadPolynomial head;
  int query;
  Three keys;
  std::vector<std::int32_t> order;  // empty: all are seen
  Three context;
};

constexpr std::int32_t kHalf = 1 << 30;  // the mantissa of 1/2, 1, 2, ...
constexpr std::int32_t kLargest = 0x7fffffff;

const std::array kKnown{
    // y = 0, 100, 200 = p; P = 200, r = 5347737; w = 0, 127 (127.49999), 255; W = 382.
    Known{"degree 1", 1, {.bias = -100}, 100, {1, 2, 3}, {}, {0, 42, 85}},
    // All y are 0, so P is taken as 1, and W as 255.
    Known{"nothing above the bias", 3, {.bias = -301}, 100, {1, 2, 3}, {}, {0, 0, 0}},
    // p = delta = 2^30 / 2^20 = 1024; w = 255 thrice; W = 765.
    Known{"delta alone",
          2,
          {.bias = -301, .delta = kHalf, .delta_shift = 20},
          100,
          {1, 2, 3},
          {},
          {42, 42, 42}},
    // Key 1 gets no delta. W = 510; 1 / 510 is rounded down, and 63.5 with it.
    Known{"delta where seen",
          2,
          {.bias = -301, .delta = kHalf, .delta_shift = 20},
          100,
          {1, 2, 3},
          {2, 0},
          {63, 0, 63}},
    // 23871, 40000, 56129 have 16 bits: t = 1, y = 11936, 20000, 28065. Squares 4348, 12207, 24037; cubes
    // 1584, 7451, 20587; delta = 1.5 · 2^30 / 2^21 = 768. P = 21355, r = 50084; w = 28, 98, 255; W = 381.
    Known{"degree 3, shifted",
          3,
          {.bias = 40000, .delta = 3 << 29, .delta_shift = 18},
          127,
          {-127, 0, 127},
          {},
          {9, 33, 85}},
    // 65535, 65534, 65435: t = 1, y = 32767 (of 32768), 32767, 32718. Squares 32766, 32766, 32668; of these
    // 32764, 32764, 32568; delta = 32767 (of 2^26). P = 65531, r = 16321; w = 255, 255, 254; W = 764; C = 2.
    Known{"degree 4, clamped",
          4,
          {.bias = 65535, .delta = kLargest, .delta_shift = 1, .context_exponent = -29},
          1,
          {0, -1, -100},
          {},
          {85, 85, 84}},
    // The same without delta, which 62 + 4 binary places make 0: r = 32643; w = 255, 255, 253; W = 763.
    Known{"delta shifted out",
          4,
          {.bias = 65535, .delta = kLargest, .delta_shift = 62, .context_exponent = -29},
          1,
          {0, -1, -100},
          {},
          {85, 85, 84}},
    // C = 16 takes 127 · 255 / 765 to 677, beyond a byte; C = 2^-40 takes it to 0.
    Known{"large context", 1, {.bias = 500, .context_exponent = -26}, 0, {1, 2, 3}, {}, {127, 127, 127}},
    Known{"small context", 1, {.bias = 500, .context_exponent = -70}, 0, {1, 2, 3}, {}, {0, 0, 0}},
};

std::uint8_t byte(int value) { return static_cast<std::uint8_t>(value + 128); }

Three attend(const Known& known) {
  constexpr int kCount = 3;
  const PagedAttention& kernels = reference_kernels().attention;
  const PageLayout layout = kernels.layout(1, kCount, true, true);
  std::vector<std::byte> page(layout.bytes);
  for (std::uint8_t j = 0; j < kCount; ++j) {
    const std::array<std::uint8_t, kCount> key{byte(known.keys[j]), byte(77), byte(-5)};
    std::array<std::uint8_t, kCount> value{byte(0), byte(0), byte(0)};
    value[j] = byte(127);
    std::byte* place = page.data();
    kernels.keep({.layout = &layout,
                  .rows = 1,
                  .keys = reinterpret_cast<const std::byte*>(key.data()),
                  .values = reinterpret_cast<const std::byte*>(value.data()),
                  .pages = &place,
                  .positions = &j});
  }
  const std::array<std::uint8_t, kCount> query{byte(known.query), byte(0), byte(0)};
  const std::byte* pages = page.data();
  const auto seen = static_cast<std::int32_t>(known.order.size());
  std::uint16_t visible = 0;
  for (const std::int32_t position : known.order) visible |= static_cast<std::uint16_t>(1u << position);
  const bool ordered = !known.order.empty();
  std::vector<std::int32_t> scores(kAttendScratchRows * 64);
  std::vector<std::uint8_t> weights(scores.size());
  std::array<std::uint8_t, kCount> output{};
  kernels.attend_polynomial({.layout = &layout,
                             .queries = 1,
                             .query = query.data(),
                             .query_stride = kCount,
                             .pages = &pages,
                             .positions = kCount,
                             .order = ordered ? known.order.data() : nullptr,
                             .counts = ordered ? &seen : nullptr,
                             .visible = ordered ? &visible : nullptr,
                             .heads = &known.head,
                             .degree = known.degree,
                             .scores = scores.data(),
                             .weights = weights.data(),
                             .output = output.data(),
                             .output_stride = kCount});
  return {output[0] - 128, output[1] - 128, output[2] - 128};
}

}  // namespace

void check_known_polynomial() {
  for (const Known& known : kKnown) {
    const Three found = attend(known);
    for (std::size_t c = 0; c < found.size(); ++c) {
      if (found[c] == known.context[c]) continue;
      throw Mismatch(std::string("polynomial attention, ") + known.name + ": column " + std::to_string(c) +
                     " is " + std::to_string(found[c]) + ", not " + std::to_string(known.context[c]));
    }
  }
}

}  // namespace octavo::testing
