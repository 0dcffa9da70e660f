// Checks the reference kernels against binary64 and the C library: not bit for bit, but that no formula or
// constant of docs/numerics.md was mistyped.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "call.h"
#include "kernels/exponential.h"
#include "kernels/logarithm.h"
#include "kernels/reference/functions.h"
#include "kernels/registry.h"
#include "known_integer.h"
#include "known_polynomial.h"
#include "known_quantized.h"
#include "random.h"
#include "values.h"

namespace octavo::testing {

namespace {

using Row = std::vector<float>;

const KernelTable& kernels() { return reference_kernels(); }

Row random_row(int n, Random& random) {
  Row row(static_cast<std::size_t>(n));
  fill(row, Values::normal, random);
  return row;
}

void expect_near(double found, double expected, double tolerance, const std::string& what) {
  if (std::fabs(found - expected) <= tolerance) return;
  throw Mismatch(what + ": " + std::to_string(found) + " is not within " + std::to_string(tolerance) +
                 " of " + std::to_string(expected));
}

/// The bound of docs/numerics.md.
void check_exponential() {
  for (int i = -86999; i < 88000; i += 7) {
    const float x = static_cast<float>(i) * 1e-3f;
    const double expected = std::exp(static_cast<double>(x));
    expect_near(exponential(x) / expected, 1.0, 0x1p-22 + 0x1p-26 * std::abs(x),
                "exp(" + std::to_string(x) + ")");
  }
  expect_near(exponential(0.0f), 1.0, 0.0, "exp(0)");
  expect_near(exponential(-1000.0f), exponential(-87.0f), 0.0, "exp below its range");
  expect_near(exponential(1000.0f), exponential(88.0f), 0.0, "exp above its range");
}

void check_logarithm() {
  Random random(1);
  for (int i = 0; i < 20000; ++i) {
    const float x = std::max(std::fabs(random.any_finite()), std::numeric_limits<float>::min());
    const double expected = std::log(static_cast<double>(x));
    const double tolerance = 3 * 0x1p-23 * std::max(1.0, std::fabs(expected));
    expect_near(logarithm(x), expected, tolerance, "log(" + std::to_string(x) + ")");
  }
  expect_near(logarithm(1.0f), 0.0, 0.0, "log(1)");
}

/// The formula for erf is good to 1.5e-7 (Abramowitz and Stegun 7.1.26); binary32 adds about as much.
void check_activations() {
  for (int i = -20000; i <= 20000; i += 3) {
    const float x = static_cast<float>(i) * 1e-3f;
    const double wide = x;
    const double gelu = 0.5 * wide * (1 + std::erf(wide / std::sqrt(2.0)));
    const double scale = std::max(1.0, std::fabs(wide));
    expect_near(reference::activate(Activation::none, x), wide, 0, "no activation");
    expect_near(reference::activate(Activation::relu, x), std::max(wide, 0.0), 0, "relu");
    expect_near(reference::activate(Activation::gelu, x), gelu, 5e-7 * scale,
                "gelu(" + std::to_string(x) + ")");
    const double tanh = std::tanh(std::sqrt(2 / std::acos(-1.0)) * (wide + 0.044715 * wide * wide * wide));
    expect_near(reference::activate(Activation::gelu_tanh, x), 0.5 * wide * (1 + tanh), 5e-7 * scale,
                "gelu_tanh(" + std::to_string(x) + ")");
    expect_near(reference::activate(Activation::silu, x), wide / (1 + std::exp(-wide)), 5e-7 * scale,
                "silu(" + std::to_string(x) + ")");
  }
}

void check_products() {
  Random random(2);
  constexpr int kInner = 100, kColumns = 5;
  const Row x = random_row(kInner, random), weight = random_row(kInner * kColumns, random);
  const Row bias = random_row(kColumns, random), residual = random_row(kColumns, random);
  const Row factor = random_row(kColumns, random);
  Row output(kColumns);
  kernels().linear_f32.product({.input = x.data(),
                                .input_stride = kInner,
                                .rows = 1,
                                .inner = kInner,
                                .columns = kColumns,
                                .weight = weight.data(),
                                .epilogue = {.bias = bias.data(),
                                             .activation = Activation::relu,
                                             .factor = factor.data(),
                                             .factor_stride = kColumns,
                                             .residual = residual.data(),
                                             .residual_stride = kColumns,
                                             .output = output.data(),
                                             .output_stride = kColumns}});
  for (std::size_t n = 0; n < kColumns; ++n) {
    double sum = bias[n];
    for (std::size_t k = 0; k < kInner; ++k) sum += static_cast<double>(x[k]) * weight[n * kInner + k];
    expect_near(output[n], std::max(sum, 0.0) * factor[n] + residual[n], 1e-4, "float32 product");
  }
}

/// A row quantized and multiplied in integers is the float product to within the steps of both scales.
void check_quantized_product() {
  Random random(3);
  constexpr int kInner = 100;
  const Row x = random_row(kInner, random);
  std::array<std::uint8_t, kInner> quantized{};
  std::array<std::int8_t, kInner> weight{};
  float row_scale = 0, output = 0;
  const float weight_scale = 0.01f;
  std::int32_t correction = 0;
  double expected = 0;
  kernels().quantize_rows(x.data(), kInner, 1, kInner, quantized.data(), kInner, &row_scale);
  for (std::size_t k = 0; k < kInner; ++k) {
    weight[k] = static_cast<std::int8_t>(random.integer(-127, 127));
    correction -= 128 * weight[k];
    expected += static_cast<double>(x[k]) * weight[k] * weight_scale;
    expect_near((quantized[k] - 128) * row_scale, x[k], 0.501 * row_scale, "a quantized value");
  }
  kernels().linear_s8.product({.input = quantized.data(),
                               .input_stride = kInner,
                               .row_scale = &row_scale,
                               .rows = 1,
                               .inner = kInner,
                               .columns = 1,
                               .weight = weight.data(),
                               .correction = &correction,
                               .weight_scale = &weight_scale,
                               .epilogue = {.output = &output, .output_stride = 1}});
  expect_near(output, expected, 0.5 * row_scale * 1.27 * kInner, "int8 product");
}

/// With the range [-1, 4] as 0..255: what lies inside comes back within half a step, the rest at its ends.
void check_static_product() {
  Random random(7);
  constexpr int kInner = 100, kZeroPoint = 51;
  constexpr float kScale = 5.0f / 255.0f, kWeightScale = 0.01f;
  const Row x = random_row(kInner, random), inverse(kInner, 1.0f / kScale);
  std::array<std::uint8_t, kInner> quantized{};
  std::array<std::int8_t, kInner> weight{};
  kernels().quantize_static(
      x.data(), kInner, 1, kInner,
      {.values = quantized.data(), .stride = kInner, .inverse = inverse.data(), .zero_point = kZeroPoint});
  std::int32_t correction = 0;
  double expected = 0;
  for (std::size_t k = 0; k < kInner; ++k) {
    const double inside = std::clamp(x[k], -1.0f, 4.0f);
    expect_near((quantized[k] - kZeroPoint) * kScale, inside, 0.501 * kScale, "a statically quantized value");
    weight[k] = static_cast<std::int8_t>(random.integer(-127, 127));
    correction -= kZeroPoint * weight[k];
    expected += inside * weight[k] * kWeightScale;
  }
  const float multiplier = kScale * kWeightScale, output_inverse = 7.0f;
  std::uint8_t output = 0;
  kernels().linear_s8.product(
      {.input = quantized.data(),
       .input_stride = kInner,
       .rows = 1,
       .inner = kInner,
       .columns = 1,
       .weight = weight.data(),
       .correction = &correction,
       .weight_scale = &multiplier,
       .epilogue = {
           .quantized = {.values = &output, .stride = 1, .inverse = &output_inverse, .zero_point = 128}}});
  expect_near((output - 128) / 7.0, expected, 0.5 / 7 + 0.5 * kScale * 1.27 * kInner, "static int8 product");
}

void check_layer_norm() {
  Random random(4);
  constexpr int kLength = 70;
  const Row x = random_row(kLength, random), weight = random_row(kLength, random),
            bias = random_row(kLength, random);
  Row output(kLength);
  std::array<std::uint8_t, kLength> quantized{};
  const Row inverse(kLength, 30.0f);
  kernels().layer_norm(
      x.data(), 1, kLength, weight.data(), bias.data(), 1e-5f, output.data(),
      {.values = quantized.data(), .stride = kLength, .inverse = inverse.data(), .zero_point = 100});
  double mean = 0, variance = 0;
  for (const float value : x) mean += static_cast<double>(value) / kLength;
  for (const float value : x) variance += (value - mean) * (value - mean) / kLength;
  for (std::size_t i = 0; i < kLength; ++i) {
    expect_near(output[i], (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i], 1e-5,
                "layer norm");
    expect_near((quantized[i] - 100) / 30.0, std::clamp<double>(output[i], -100 / 30.0, 155 / 30.0),
                0.501 / 30, "layer norm as u8");
  }
}

void check_rms_norm() {
  Random random(5);
  constexpr int kLength = 70;
  const Row x = random_row(kLength, random), weight = random_row(kLength, random);
  Row output(kLength);
  kernels().rms_norm(x.data(), 1, kLength, weight.data(), 1e-6f, output.data(), {});
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * value / kLength;
  for (std::size_t i = 0; i < kLength; ++i) {
    expect_near(output[i], x[i] / std::sqrt(squares + 1e-6) * weight[i], 1e-5, "RMS norm");
  }
}

/// What is added to the score of key j.
double bias_of(std::size_t j) { return 0.05 * static_cast<double>(j) - 0.3; }

/// Rows kept in pages in another order, and a query that sees them in order.
template <class T>
Row attend(const T* query, const std::vector<const T*>& keys, std::ptrdiff_t width, bool u8,
           float score_scale, float value_scale) {
  const PagedAttention& kernels = testing::kernels().attention;
  const PageLayout layout = kernels.layout(1, static_cast<int>(width), u8, u8);
  const std::size_t count = keys.size(), pages = count / kPagePositions + 1;
  std::vector<std::byte> memory(pages * layout.bytes);
  std::vector<const std::byte*> places(pages);
  std::vector<std::int32_t> order(count);
  std::vector<std::uint16_t> visible(pages);
  Row bias(pages * kPagePositions);
  for (std::size_t page = 0; page < pages; ++page) places[page] = memory.data() + page * layout.bytes;
  for (std::size_t j = 0; j < count; ++j) {
    const std::size_t position = pages * kPagePositions - 1 - j;
    order[j] = static_cast<std::int32_t>(position);
    bias[position] = static_cast<float>(bias_of(j));
    visible[position / kPagePositions] |= static_cast<std::uint16_t>(1u << position % kPagePositions);
    std::byte* page = memory.data() + position / kPagePositions * layout.bytes;
    const auto place = static_cast<std::uint8_t>(position % kPagePositions);
    kernels.keep({.layout = &layout,
                  .rows = 1,
                  .keys = reinterpret_cast<const std::byte*>(keys[j]),
                  .values = reinterpret_cast<const std::byte*>(keys[j] + width),
                  .pages = &page,
                  .positions = &place});
  }
  const auto seen = static_cast<std::int32_t>(count);
  Row scores(kAttendScratchRows * 64), output(static_cast<std::size_t>(width));
  std::vector<std::uint8_t> weights(scores.size());
  kernels.attend({.layout = &layout,
                  .queries = 1,
                  .query = reinterpret_cast<const std::byte*>(query),
                  .pages = places.data(),
                  .positions = static_cast<int>(pages * kPagePositions),
                  .order = order.data(),
                  .counts = &seen,
                  .visible = visible.data(),
                  .score_scale = &score_scale,
                  .bias = {.values = bias.data()},
                  .value_scale = &value_scale,
                  .scores = scores.data(),
                  .weights = weights.data(),
                  .output = output.data()});
  return output;
}

/// Two steps against binary64, and products so large that the sigmoid is 0 or 1: nothing becomes infinite.
void check_ssru() {
  constexpr float kHuge = 3e38f;
  Row state{0, 0, 2.0f, 2.0f, -2.0f, 0};
  float* const states[] = {state.data()};
  const Row forget{0.5f, -3.0f, kHuge, -kHuge, 88.5f, -200.0f};
  const Row candidate{1.0f, -1.0f, kHuge, -kHuge, kHuge, kHuge};
  const SsruStep step{.rows = 1,
                      .width = 6,
                      .candidate = candidate.data(),
                      .forget = forget.data(),
                      .states = states,
                      .x_stride = 6};
  std::array<double, 2> expected{};
  for (int time = 1; time <= 2; ++time) {
    Row x{1, 1, 1, 1, 1, 1};
    SsruStep now = step;
    now.x = x.data();
    kernels().ssru(now);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double kept = 1 / (1 + std::exp(-static_cast<double>(forget[i])));
      expected[i] = kept * expected[i] + (1 - kept) * candidate[i];
      expect_near(state[i], expected[i], 1e-6, "an SSRU's state");
      expect_near(x[i], 1 + std::max(0.0, expected[i]), 1e-6, "what it adds");
    }
    expect_near(state[2], 2, 0, "a state that is kept whole");
    expect_near(state[4], -2, 0, "a state that is kept whole");
    expect_near(state[3], -kHuge, 0, "a state that is replaced");
    expect_near(state[5], kHuge, 0, "a state that is replaced");
    expect_near(x[4], 1, 0, "a negative state adds nothing");
  }
}

void check_attention() {
  Random random(9);
  constexpr std::ptrdiff_t kCount = 21, kWidth = 20;
  const Row query = random_row(kWidth, random), pool = random_row(kCount * 2 * kWidth, random);
  std::vector<const float*> keys;
  for (std::ptrdiff_t j = 0; j < kCount; ++j) keys.push_back(pool.data() + j * 2 * kWidth);
  const Row output = attend(query.data(), keys, kWidth, false, 0.25f, 0.0f);
  std::array<double, kWidth> sums{};
  double total = 0;
  for (std::size_t j = 0; j < kCount; ++j) {
    const float* row = keys[j];
    double score = bias_of(j);
    for (std::size_t c = 0; c < kWidth; ++c) score += static_cast<double>(query[c]) * row[c] * 0.25;
    total += std::exp(score);
    for (std::size_t c = 0; c < kWidth; ++c) sums[c] += std::exp(score) * row[kWidth + c];
  }
  for (std::size_t c = 0; c < kWidth; ++c) expect_near(output[c], sums[c] / total, 1e-5, "paged attention");
}

/// Attention over bytes is attention over what the bytes stand for, to within the steps of the weights.
void check_attention_u8() {
  Random random(10);
  constexpr std::ptrdiff_t kCount = 21, kWidth = 20;
  constexpr double kFactor = 2e-5, kValueScale = 0.01;
  std::array<std::uint8_t, kWidth> query{};
  std::array<std::uint8_t, kCount * 2 * kWidth> pool{};
  const auto any_byte = [&] { return static_cast<std::uint8_t>(random.bits()); };
  std::generate(query.begin(), query.end(), any_byte);
  std::generate(pool.begin(), pool.end(), any_byte);
  std::vector<const std::uint8_t*> keys;
  for (std::ptrdiff_t j = 0; j < kCount; ++j) keys.push_back(pool.data() + j * 2 * kWidth);
  const Row output = attend(query.data(), keys, kWidth, true, kFactor, kValueScale);
  std::array<double, kWidth> sums{};
  double total = 0;
  for (std::size_t j = 0; j < kCount; ++j) {
    const std::uint8_t* row = keys[j];
    double score = bias_of(j);
    for (std::size_t c = 0; c < kWidth; ++c) score += (query[c] - 128) * (row[c] - 128) * kFactor;
    total += std::exp(score);
    for (std::size_t c = 0; c < kWidth; ++c) {
      sums[c] += std::exp(score) * (row[kWidth + c] - 128) * kValueScale;
    }
  }
  for (std::size_t c = 0; c < kWidth; ++c) {
    expect_near(output[c], sums[c] / total, 0.02, "paged attention over bytes");
  }
}

void check_selection() {
  Random random(6);
  Row x = random_row(1000, random);
  double sum = 0;
  for (const float value : x) sum += std::exp(static_cast<double>(value));
  expect_near(kernels().log_sum_exp(x.data(), 1000, kernels().largest(x.data(), 1000)), std::log(sum), 1e-5,
              "log-sum-exp");
  x[70] = x[7] = 9.0f;
  x[8] = 8.0f;
  std::array<ScoredToken, 3> best{};
  const int found = kernels().top_k(x.data(), 1000, 0, 3, 0, best.data());
  const bool right = found == 3 && best[0].token == 7 && best[1].token == 70 && best[2].token == 8;
  if (!right) throw Mismatch("top-k: larger logits come first, then lower tokens");
}

void check_embeddings() {
  const std::array<std::int8_t, 2> row{-127, 3};
  const Row wide{-12.7f, 0.3f}, position{0.5f, -1.0f};
  Row output(2);
  kernels().embed_s8(row.data(), 0.1f, position.data(), 2, 16.0f, output.data());
  expect_near(output[0], -12.7 * 16 + 0.5, 1e-4, "int8 embedding");
  kernels().embed_f32(wide.data(), position.data(), 2, 16.0f, output.data());
  expect_near(output[1], 0.3 * 16 - 1.0, 1e-5, "float32 embedding");
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  try {
    for (const auto check :
         {check_exponential, check_logarithm, check_activations, check_products, check_quantized_product,
          check_static_product, check_layer_norm, check_rms_norm, check_ssru, check_attention,
          check_attention_u8, check_known_integer, check_known_polynomial, check_known_quantized,
          check_selection, check_embeddings}) {
      check();
    }
  } catch (const Mismatch& mismatch) {
    std::fprintf(stderr, "FAILED: %s\n", mismatch.what());
    return 1;
  }
  std::printf("the reference kernels agree with binary64\n");
  return 0;
}
