#include "known_integer.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "call.h"
#include "kernels/fixed_point.h"
#include "kernels/integer_kernels.h"
#include "kernels/registry.h"

namespace octavo::testing {

namespace {

using Limits = std::numeric_limits<std::int32_t>;

const KernelTable& kernels() { return reference_kernels(); }

void expect(std::int64_t found, std::int64_t expected, const std::string& what) {
  if (found == expected) return;
  throw Mismatch(what + ": " + std::to_string(found) + ", not " + std::to_string(expected));
}

void expect_scale(FixedPoint found, std::int32_t mantissa, std::int32_t exponent, const std::string& what) {
  expect(found.mantissa, mantissa, "mantissa of " + what);
  expect(found.exponent, exponent, "exponent of " + what);
}

void check_scales() {
  expect_scale(fixed(1), 1 << 30, -30, "fixed(1)");
  expect_scale(fixed(3), 3 << 29, -29, "fixed(3)");
  expect_scale(fixed(Limits::max()), Limits::max(), 0, "fixed(2^31 - 1)");
  expect_scale(fixed(0xfffffffd), Limits::max(), 1, "fixed(2^32 - 3)");
  expect_scale(fixed(0xffffffff), 1 << 30, 2, "fixed(2^32 - 1)");
  expect_scale(quotient(fixed(1), fixed(3)), 1431655765, -32, "1 / 3");
  expect_scale(quotient(fixed(3), fixed(2)), 3 << 29, -30, "3 / 2");
  expect(rounded_shift(3, 1), 2, "shift(3, 1)");
  expect(rounded_shift(-3, 1), -1, "shift(-3, 1)");
}

/// Σ (q - 128) · w + bias over two inputs, times 1/16.
void check_product_sum() {
  const std::array<std::uint8_t, 2> input{130, 126};
  const std::array<std::int8_t, 4> weight{3, -5, -128, 127};
  const std::array<std::int32_t, 2> start{160 + 2 * 128, 0 + 1 * 128};
  const std::array<std::int32_t, 2> multiplier{1 << 30, 1 << 30}, shift{2, 2};
  std::array<std::int32_t, 2> output{};
  kernels().linear_s8.integer({.input = input.data(),
                               .input_stride = 2,
                               .rows = 1,
                               .inner = 2,
                               .columns = 2,
                               .weight = weight.data(),
                               .start = start.data(),
                               .factors = {.multiplier = multiplier.data(), .shift = shift.data()},
                               .target = {.wide = output.data(), .stride = 2}});
  expect(output[0], 11, "(2 · 3 + -2 · -5 + 160) / 16");
  expect(output[1], -32, "(2 · -128 + -2 · 127) / 16, -31.875");
}

struct Factor {
  std::int32_t multiplier;
  std::int32_t shift;
  std::int32_t left;
};

/// One sum, re-scaled and put to `target`.
void finish(std::int32_t sum, const Factor& factor, const IntegerTarget& target) {
  const std::uint8_t input = 0;
  const std::int8_t weight = 0;
  kernels().linear_s8.integer({.input = &input,
                               .input_stride = 1,
                               .rows = 1,
                               .inner = 1,
                               .columns = 1,
                               .weight = &weight,
                               .start = &sum,
                               .factors = {&factor.multiplier, &factor.shift, &factor.left},
                               .target = target});
}

void check_rescaling() {
  struct Case {
    std::int32_t sum;
    Factor factor;
    std::int32_t expected;
  };
  constexpr Factor kSixteenth{1 << 30, 2, 0}, kOne{1 << 30, 1, 3}, kTwo{1 << 30, 1, 4};
  constexpr Factor kSmallest{1 << 30, 22, 0}, kAlmost{Limits::max(), 22, 0};
  for (const Case& known :
       {Case{8, kSixteenth, 1}, Case{7, kSixteenth, 0}, Case{-8, kSixteenth, 0}, Case{-9, kSixteenth, -1},
        Case{-24, kSixteenth, -1}, Case{24, kSixteenth, 2}, Case{-1234567, kOne, -1234567},
        Case{(1 << 27) - 1, kTwo, (1 << 28) - 2}, Case{-(1 << 27), kTwo, -(1 << 28)},
        Case{1 << 23, kSmallest, 1}, Case{(1 << 23) - 1, kSmallest, 0}, Case{Limits::max(), kAlmost, 256},
        Case{Limits::min(), kAlmost, -256}}) {
    std::int32_t output = 0;
    finish(known.sum, known.factor, {.wide = &output, .stride = 1});
    expect(output, known.expected, "re-scaled " + std::to_string(known.sum));
  }
}

void check_targets() {
  constexpr Factor kOne{1 << 30, 1, 3};
  struct Case {
    std::int32_t y;
    int around_128;
    int from_0;
  };
  for (const Case& known : {Case{-129, 0, 0}, Case{-128, 0, 0}, Case{-1, 127, 0}, Case{0, 128, 0},
                            Case{127, 255, 127}, Case{128, 255, 128}, Case{255, 255, 255},
                            Case{256, 255, 255}, Case{-100000, 0, 0}, Case{100000, 255, 255}}) {
    std::uint8_t byte = 0;
    finish(known.y, kOne, {.bytes = &byte, .stride = 1});
    expect(byte, known.around_128, "around 128, " + std::to_string(known.y));
    finish(known.y, kOne, {.bytes = &byte, .zero_point = 0, .stride = 1});
    expect(byte, known.from_0, "after ReLU, " + std::to_string(known.y));
  }
  const std::array<std::array<std::int32_t, 3>, 5> sums{
      {{5, -7, -2}, {32767, 1, 32767}, {-32767, -1, -32767}, {-32767, 65535, 32767}, {100, -200000, -32767}}};
  for (const auto& [before, y, after] : sums) {
    auto residual = static_cast<std::int16_t>(before);
    finish(y, kOne, {.residual = &residual, .stride = 1});
    expect(residual, after, "residual");
  }
}

void expect_norm(const std::vector<std::int16_t>& x, int shift, const std::vector<int>& expected) {
  const std::array<std::int16_t, 4> gain{3, 5, 1, -1};
  const std::array<std::int32_t, 4> bias{0, 100, 0, 0};
  std::array<std::uint8_t, 4> output{};
  kernels().l1_norm({.x = x.data(),
                     .rows = 1,
                     .n = static_cast<int>(x.size()),
                     .gain = gain.data(),
                     .bias = bias.data(),
                     .shift = shift,
                     .output = output.data(),
                     .output_stride = 4});
  for (std::size_t i = 0; i < x.size(); ++i) expect(output[i], expected[i], "L1 norm");
}

void check_norm() {
  // c = 2, -2; D = 4; n = 1024, -1024; y = 3072, -5020; over 64: 48, -78.4.
  expect_norm({1, -1}, 6, {176, 50});
  // c = 12, -4, ...; D = 24; n = 2048, -682.7; y = 6144, -3315, -683, 683; over 64: 96, -51.8, -10.7, 10.7.
  expect_norm({4, 0, 0, 0}, 6, {224, 76, 117, 139});
  expect_norm({32767, -32767, -32767, 32767}, 6, {176, 50, 112, 112});
  // Rows of equal integers give the bias.
  expect_norm({7, 7}, 6, {128, 130});
  expect_norm({-32767}, 1, {128});
}

void check_embedding() {
  const auto embedded = [](std::int8_t q, std::int32_t multiplier, std::int32_t shift,
                           std::int16_t position) {
    std::int16_t output = 0;
    kernels().embed_integer({.row = &q,
                             .multiplier = multiplier,
                             .shift = shift,
                             .position = &position,
                             .n = 1,
                             .output = &output});
    return output;
  };
  expect(embedded(3, 1 << 30, -2, 10), 13, "3 + 10");
  expect(embedded(-3, 1 << 30, -1, 10), 9, "-1.5 + 10");
  expect(embedded(3, 1 << 30, -16, 0), 32767, "3 · 2^14");
  expect(embedded(-128, Limits::max(), -16, -5), -32767, "-128 · 2^15 - 5");
  expect(embedded(127, 1 << 30, 22, -5), -5, "127 · 2^-24 - 5");
}

void check_scores() {
  const std::array<std::int32_t, 3> x{3, -5, (1 << 24) + 1};
  std::array<float, 3> output{};
  const float largest = kernels().dequantize(x.data(), 3, 0.5f, output.data());
  const bool right =
      largest == output[2] && output[0] == 1.5f && output[1] == -2.5f && output[2] == 8388608.0f;
  if (!right) throw Mismatch("dequantize: 3, -5 and 2^24 + 1 in halves");
}

}  // namespace

void check_known_integer() {
  check_scales();
  check_product_sum();
  check_rescaling();
  check_targets();
  check_norm();
  check_embedding();
  check_scores();
}

}  // namespace octavo::testing
