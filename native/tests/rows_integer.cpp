#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/integer_kernels.h"
#include "kernels/registry.h"
#include "values.h"

namespace octavo::testing {

namespace {

/// Kinds of rows that a norm has to survive.
enum class Stream { any, small, equal, outlier, halves, almost_equal, ramp };

constexpr std::array kStreams{Stream::any,    Stream::small,        Stream::equal, Stream::outlier,
                              Stream::halves, Stream::almost_equal, Stream::ramp};
constexpr std::array kStreamNames{"any", "small", "equal", "outlier", "halves", "almost equal", "ramp"};

void fill(std::int16_t* x, int n, Stream kind, Random& random) {
  const auto any = [&] { return static_cast<std::int16_t>(random.integer(-32767, 32767)); };
  const std::int16_t level = random.chance() ? any() : random.chance() ? 32767 : -32767;
  for (int i = 0; i < n; ++i) {
    switch (kind) {
      case Stream::any: x[i] = any(); break;
      case Stream::small: x[i] = static_cast<std::int16_t>(random.integer(-20, 20)); break;
      case Stream::equal:
      case Stream::almost_equal:
      case Stream::outlier: x[i] = level; break;
      case Stream::halves: x[i] = 2 * i < n ? 32767 : -32767; break;
      case Stream::ramp: x[i] = static_cast<std::int16_t>(i % 32768); break;
    }
  }
  std::int16_t& odd_one = x[random.integer(0, n - 1)];
  if (kind == Stream::outlier) odd_one = level > 0 ? -32767 : 32767;
  if (kind == Stream::almost_equal) odd_one = static_cast<std::int16_t>(level > 0 ? level - 1 : level + 1);
}

/// Gains and biases within their limits, often at them.
class L1NormCheck {
 public:
  L1NormCheck(const KernelTable& kernels, Random random) : kernels_(kernels), random_(random) {}

  void compare(int rows, int n, Stream kind, int shift) {
    const int gap = random_.chance() ? random_.integer(1, 9) : 0;
    x_.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(n));
    for (int row = 0; row < rows; ++row) {
      fill(x_.data() + static_cast<std::ptrdiff_t>(row) * n, n, kind, random_);
    }
    prepare_parameters(n, shift);
    output_.shape(rows, n, n + gap);
    const std::string call =
        describe("l1_norm", kernels_.name, " rows=", rows, " n=", n, " gap=", gap, " shift=", shift,
                 " values=", kStreamNames[static_cast<std::size_t>(kind)]);
    L1Norm norm{.x = x_.data(),
                .rows = rows,
                .n = n,
                .gain = gain_.data(),
                .bias = bias_.data(),
                .shift = shift,
                .output = output_.expected(),
                .output_stride = n + gap};
    reference_kernels().l1_norm(norm);
    norm.output = output_.actual();
    kernels_.l1_norm(norm);
    output_.verify(call, "output");
  }

 private:
  /// max |g| · n · 2^9 < 2^29 and max |β| < 2^29; or so small that few results are clamped.
  void prepare_parameters(int n, int shift) {
    const bool small = random_.chance();
    const int largest_gain = std::min(32767, ((1 << 20) - 1) / n);
    const int largest_bias = (1 << 29) - 1;
    const int most_gain = small ? std::clamp((1 << shift) / 8, 1, largest_gain) : largest_gain;
    const int most_bias = small ? std::min(largest_bias, 64 << shift) : largest_bias;
    const auto within = [&](int limit) {
      const int kind = random_.integer(0, 3);
      return kind == 0 ? limit : kind == 1 ? -limit : random_.integer(-limit, limit);
    };
    gain_.resize(static_cast<std::size_t>(n));
    bias_.resize(static_cast<std::size_t>(n));
    std::generate(gain_.begin(), gain_.end(), [&] { return static_cast<std::int16_t>(within(most_gain)); });
    std::generate(bias_.begin(), bias_.end(), [&] { return within(most_bias); });
  }

  const KernelTable& kernels_;
  Random random_;
  GuardedArray<std::int16_t> x_;
  GuardedArray<std::int16_t> gain_;
  GuardedArray<std::int32_t> bias_;
  CheckedOutput<std::uint8_t> output_;
};

}  // namespace

int check_l1_norm(const KernelTable& kernels, Random random) {
  L1NormCheck check(kernels, random);
  int calls = 0;
  for (const int n : lengths()) {
    for (const Stream kind : kStreams) {
      for (int rows = 1; rows <= 3; ++rows, ++calls) check.compare(rows, n, kind, random.integer(1, 22));
    }
  }
  for (const int n : {512, 1000, 4096, 16383, 16384}) {
    for (const Stream kind : kStreams) {
      for (const int shift : {1, 8, 13, 16, 22}) {
        check.compare(1 + calls % 2, n, kind, shift);
        ++calls;
      }
    }
  }
  return calls;
}

int check_embed_integer(const KernelTable& kernels, Random random) {
  GuardedArray<std::int8_t> row;
  GuardedArray<std::int16_t> position;
  CheckedOutput<std::int16_t> output;
  int calls = 0;
  for (const int n : lengths()) {
    for (int shift = -16; shift <= 22; ++shift, ++calls) {
      const int kind = calls % 3;
      const std::int32_t multiplier = kind == 0   ? 1 << 30
                                      : kind == 1 ? std::numeric_limits<std::int32_t>::max()
                                                  : random.integer(1 << 30, (1 << 30) + ((1 << 30) - 1));
      const std::string call =
          describe("embed_integer", kernels.name, " n=", n, " multiplier=", multiplier, " shift=", shift);
      row.resize(static_cast<std::size_t>(n));
      std::generate(row.begin(), row.end(), [&] { return static_cast<std::int8_t>(random.bits()); });
      position.resize(static_cast<std::size_t>(n));
      const int most = random.chance() ? 32767 : 100;
      std::generate(position.begin(), position.end(),
                    [&] { return static_cast<std::int16_t>(random.integer(-most, most)); });
      output.shape(1, n, n);
      EmbedInteger embedding{.row = row.data(),
                             .multiplier = multiplier,
                             .shift = shift,
                             .position = position.data(),
                             .n = n,
                             .output = output.expected()};
      reference_kernels().embed_integer(embedding);
      embedding.output = output.actual();
      kernels.embed_integer(embedding);
      output.verify(call, "output");
    }
  }
  return calls;
}

int check_dequantize(const KernelTable& kernels, Random random) {
  GuardedArray<std::int32_t> x;
  CheckedOutput<float> output;
  int calls = 0;
  for (const int n : lengths()) {
    for (const int bits : {8, 24, 31}) {
      const float inverse = bits == 8 ? 1.0f : random.any_finite();
      const std::string call =
          describe("dequantize", kernels.name, " n=", n, " bits=", bits, " inverse=", show(inverse));
      const int most = static_cast<int>((std::int64_t{1} << bits) - 1);
      x.resize(static_cast<std::size_t>(n));
      std::generate(x.begin(), x.end(), [&] { return random.integer(-most, most); });
      output.shape(1, n, n);
      const float expected = reference_kernels().dequantize(x.data(), n, inverse, output.expected());
      const float largest = kernels.dequantize(x.data(), n, inverse, output.actual());
      if (largest != expected) fail(call, "largest", expected, largest);
      output.verify(call, "output");
      ++calls;
    }
  }
  return calls;
}

}  // namespace octavo::testing
