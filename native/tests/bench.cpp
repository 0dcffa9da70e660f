#include "bench.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/stopwatch.h"
#include "kernels/integer_kernels.h"
#include "kernels/panels.h"
#include "kernels/peak.h"
#include "random.h"
#include "values.h"

namespace octavo::testing {

namespace {

struct ModelShape {
  const char* name;
  int d_model;
  int ffn;
  int heads;
  int vocabulary;
};

constexpr std::array kModels{ModelShape{"base", 512, 2048, 8, 32000},
                             ModelShape{"big", 1024, 4096, 16, 32000}, ModelShape{"box", 256, 1024, 8, 8000}};
constexpr std::array kRows{1, 4, 16, 32, 48, 64, 128, 512};
constexpr int kMostRows = 512;

void fill(AlignedBuffer<float>& buffer, std::size_t count, Random& random) {
  testing::fill({buffer.ensure(count), count}, Values::normal, random);
}

template <typename Byte>
void fill_bytes(AlignedBuffer<Byte>& buffer, std::size_t count, Random& random) {
  std::generate_n(buffer.ensure(count), count, [&] { return static_cast<Byte>(random.integer(1, 120)); });
}

void print_product(const char* kernel, const char* site, int rows, int inner, int columns, double nanoseconds,
                   double peak) {
  const double rate = static_cast<double>(rows) * inner * columns / nanoseconds;
  std::printf("  %-14s %-16s M=%-4d K=%-5d N=%-6d %12.0f ns %8.1f GMAC/s", kernel, site, rows, inner, columns,
              nanoseconds, rate);
  if (peak > 0) std::printf(" %5.1f%% of peak", 100 * rate / peak);
  std::printf("\n");
  std::fflush(stdout);
}

void bench_f32(const KernelTable& kernels, const char* site, int inner, int columns, double peak) {
  Random random(1);
  const PanelLayout& layout = kernels.linear_f32.layout;
  AlignedBuffer<float> input, weight, bias, output;
  fill(input, static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(inner), random);
  fill(weight, packed_size(layout, columns, inner), random);
  fill(bias, padded_columns(layout, columns), random);
  output.ensure(static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(columns));
  for (const int rows : kRows) {
    const ProductF32 product{
        .input = input.data(),
        .input_stride = inner,
        .rows = rows,
        .inner = inner,
        .columns = columns,
        .weight = weight.data(),
        .epilogue = {.bias = bias.data(), .output = output.data(), .output_stride = columns}};
    const double taken = nanoseconds_per_call([&] { kernels.linear_f32.product(product); });
    print_product("product_f32", site, rows, inner, columns, taken, peak);
  }
}

/// Quantized per row; by a scale known beforehand; and that with u8 as the result.
void bench_s8(const KernelTable& kernels, const char* site, int inner, int columns, double peak) {
  Random random(1);
  const PanelLayout& layout = kernels.linear_s8.layout;
  const std::size_t padded = padded_columns(layout, columns);
  AlignedBuffer<std::uint8_t> input;
  AlignedBuffer<std::int8_t> weight;
  AlignedBuffer<std::int32_t> correction(padded);
  AlignedBuffer<float> row_scale, weight_scale, bias, inverse, output;
  AlignedBuffer<std::uint8_t> output_u8(static_cast<std::size_t>(kMostRows) * padded);
  fill(inverse, padded, random);
  fill_bytes(input, static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(inner), random);
  fill_bytes(weight, packed_size(layout, columns, inner), random);
  fill(row_scale, kMostRows, random);
  fill(weight_scale, padded, random);
  fill(bias, padded, random);
  output.ensure(static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(columns));
  for (const int rows : kRows) {
    ProductS8 product{.input = input.data(),
                      .input_stride = inner,
                      .row_scale = row_scale.data(),
                      .rows = rows,
                      .inner = inner,
                      .columns = columns,
                      .weight = weight.data(),
                      .correction = correction.data(),
                      .weight_scale = weight_scale.data(),
                      .epilogue = {.bias = bias.data(), .output = output.data(), .output_stride = columns}};
    const auto time = [&](const char* name) {
      const double taken = nanoseconds_per_call([&] { kernels.linear_s8.product(product); });
      print_product(name, site, rows, inner, columns, taken, peak);
    };
    time("product_s8");
    product.row_scale = nullptr;
    time("  static");
    product.epilogue.output = nullptr;
    product.epilogue.quantized = {
        .values = output_u8.data(), .stride = columns, .inverse = inverse.data(), .zero_point = 128};
    time("  static to u8");
  }
}

/// Integer precision: to u8 as queries are and as ReLU leaves it, to the residual stream, to logits.
void bench_integer(const KernelTable& kernels, const char* site, int inner, int columns, double peak) {
  Random random(1);
  const std::size_t padded = padded_columns(kernels.linear_s8.layout, columns);
  const std::size_t outputs = static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(columns);
  AlignedBuffer<std::uint8_t> input, bytes(outputs);
  AlignedBuffer<std::int8_t> weight;
  AlignedBuffer<std::int32_t> start(padded), multiplier(padded), shift(padded), left(padded), wide(outputs);
  AlignedBuffer<std::int16_t> residual(outputs);
  fill_bytes(input, static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(inner), random);
  fill_bytes(weight, packed_size(kernels.linear_s8.layout, columns, inner), random);
  std::fill_n(multiplier.data(), padded, 3 << 29);
  std::fill_n(shift.data(), padded, 9);
  std::fill_n(left.data(), padded, 2);
  for (const int rows : kRows) {
    const auto time = [&](const char* name, const IntegerTarget& target, const std::int32_t* shifted) {
      const IntegerProduct product{
          .input = input.data(),
          .input_stride = inner,
          .rows = rows,
          .inner = inner,
          .columns = columns,
          .weight = weight.data(),
          .start = start.data(),
          .factors = {.multiplier = multiplier.data(), .shift = shift.data(), .left = shifted},
          .target = target};
      const double taken = nanoseconds_per_call([&] { kernels.linear_s8.integer(product); });
      print_product(name, site, rows, inner, columns, taken, peak);
    };
    time("integer to u8", {.bytes = bytes.data(), .stride = columns}, nullptr);
    time("  to residual", {.residual = residual.data(), .stride = columns}, nullptr);
    time("  shifted left", {.residual = residual.data(), .stride = columns}, left.data());
    time("  to int32", {.wide = wide.data(), .stride = columns}, nullptr);
  }
}

/// As in a decoding step, where other weights have taken the caches: products in turn, each with its own.
void bench_s8_cold(const KernelTable& kernels, int inner, int columns, double peak) {
  constexpr std::size_t kAllBytes = std::size_t{64} << 20;
  Random random(1);
  const std::size_t bytes = packed_size(kernels.linear_s8.layout, columns, inner);
  const std::size_t padded = padded_columns(kernels.linear_s8.layout, columns);
  const std::size_t products = kAllBytes / bytes;
  AlignedBuffer<std::uint8_t> input;
  AlignedBuffer<std::int8_t> weight;
  AlignedBuffer<std::int32_t> correction(padded);
  AlignedBuffer<float> weight_scale(padded);
  AlignedBuffer<float> output(static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(columns));
  fill_bytes(input, static_cast<std::size_t>(kMostRows) * static_cast<std::size_t>(inner), random);
  fill_bytes(weight, products * bytes, random);
  for (const int rows : kRows) {
    const double taken = nanoseconds_per_call([&] {
      for (std::size_t i = 0; i < products; ++i) {
        kernels.linear_s8.product({.input = input.data(),
                                   .input_stride = inner,
                                   .rows = rows,
                                   .inner = inner,
                                   .columns = columns,
                                   .weight = weight.data() + i * bytes,
                                   .correction = correction.data(),
                                   .weight_scale = weight_scale.data(),
                                   .epilogue = {.output = output.data(), .output_stride = columns}});
      }
    });
    print_product("  static, cold", "attention", rows, inner, columns, taken / static_cast<double>(products),
                  peak);
  }
}

void bench_products(const KernelTable& kernels, const ModelShape& model, const Peak& peak) {
  struct Site {
    const char* name;
    int inner;
    int columns;
  };
  const std::array sites{Site{"attention", model.d_model, model.d_model},
                         Site{"attention q,k,v", model.d_model, 3 * model.d_model},
                         Site{"ffn in", model.d_model, model.ffn}, Site{"ffn out", model.ffn, model.d_model},
                         Site{"vocabulary", model.d_model, model.vocabulary}};
  for (const Site& site : sites) {
    bench_f32(kernels, site.name, site.inner, site.columns, peak.f32);
    bench_s8(kernels, site.name, site.inner, site.columns, peak.s8);
    bench_integer(kernels, site.name, site.inner, site.columns, peak.s8);
  }
  bench_s8_cold(kernels, model.d_model, model.d_model, peak.s8);
}

void print_row_kernel(const char* kernel, int n, double nanoseconds) {
  std::printf("  %-15s n=%-6d %12.0f ns\n", kernel, n, nanoseconds);
  std::fflush(stdout);
}

void bench_rows(const KernelTable& kernels, const ModelShape& model) {
  const int n = model.d_model;
  const auto size = static_cast<std::size_t>(n);
  Random random(1);
  AlignedBuffer<float> x, weight, bias, output(size);
  AlignedBuffer<std::uint8_t> bytes(size);
  AlignedBuffer<std::int8_t> row;
  float scale = 0;
  fill(x, size, random);
  fill(weight, size, random);
  fill(bias, size, random);
  fill_bytes(row, size, random);
  print_row_kernel("quantize_rows", n, nanoseconds_per_call([&] {
                     kernels.quantize_rows(x.data(), n, 1, n, bytes.data(), n, &scale);
                   }));
  print_row_kernel("layer_norm", n, nanoseconds_per_call([&] {
                     kernels.layer_norm(x.data(), 1, n, weight.data(), bias.data(), 1e-5f, output.data(), {});
                   }));
  const QuantizedRows quantized{
      .values = bytes.data(), .stride = n, .inverse = bias.data(), .zero_point = 128};
  print_row_kernel("quantize_static", n,
                   nanoseconds_per_call([&] { kernels.quantize_static(x.data(), n, 1, n, quantized); }));
  print_row_kernel("layer_norm to u8", n, nanoseconds_per_call([&] {
                     kernels.layer_norm(x.data(), 1, n, weight.data(), bias.data(), 1e-5f, nullptr,
                                        quantized);
                   }));
  print_row_kernel("embed_f32", n, nanoseconds_per_call([&] {
                     kernels.embed_f32(x.data(), bias.data(), n, 2.0f, output.data());
                   }));
  print_row_kernel("embed_s8", n, nanoseconds_per_call([&] {
                     kernels.embed_s8(row.data(), 0.1f, bias.data(), n, 2.0f, output.data());
                   }));
}

void bench_integer_rows(const KernelTable& kernels, const ModelShape& model) {
  const int n = model.d_model;
  const auto size = static_cast<std::size_t>(n);
  Random random(1);
  AlignedBuffer<std::int16_t> x(size), gain(size), embedded(size);
  AlignedBuffer<std::int32_t> bias(size), logits(static_cast<std::size_t>(model.vocabulary));
  AlignedBuffer<std::uint8_t> bytes(size);
  AlignedBuffer<std::int8_t> row;
  AlignedBuffer<float> scores(static_cast<std::size_t>(model.vocabulary));
  const auto any = [&] { return static_cast<std::int16_t>(random.integer(-500, 500)); };
  std::generate_n(x.data(), size, any);
  std::generate_n(gain.data(), size, any);
  fill_bytes(row, size, random);
  print_row_kernel("l1_norm", n, nanoseconds_per_call([&] {
                     kernels.l1_norm({.x = x.data(),
                                      .rows = 1,
                                      .n = n,
                                      .gain = gain.data(),
                                      .bias = bias.data(),
                                      .shift = 12,
                                      .output = bytes.data(),
                                      .output_stride = n});
                   }));
  print_row_kernel("embed_integer", n, nanoseconds_per_call([&] {
                     kernels.embed_integer({.row = row.data(),
                                            .multiplier = 1 << 30,
                                            .shift = -2,
                                            .position = gain.data(),
                                            .n = n,
                                            .output = embedded.data()});
                   }));
  print_row_kernel("dequantize", model.vocabulary, nanoseconds_per_call([&] {
                     kernels.dequantize(logits.data(), model.vocabulary, 0.1f, scores.data());
                   }));
}

void bench_logits(const KernelTable& kernels, const ModelShape& model) {
  const int n = model.vocabulary;
  Random random(1);
  AlignedBuffer<float> logits;
  std::array<ScoredToken, 8> best{};
  volatile float kept = 0;
  fill(logits, static_cast<std::size_t>(n), random);
  const float top = kernels.largest(logits.data(), n);
  print_row_kernel("largest", n, nanoseconds_per_call([&] { kept = kernels.largest(logits.data(), n); }));
  print_row_kernel("log_sum_exp", n,
                   nanoseconds_per_call([&] { kept = kernels.log_sum_exp(logits.data(), n, top); }));
  print_row_kernel("top_k (8)", n,
                   nanoseconds_per_call([&] { kernels.top_k(logits.data(), n, 0, 8, 0, best.data()); }));
}

}  // namespace

void bench_tier(const KernelTable& kernels) {
  const Peak peak = measure_peak(kernels.name, 1);
  std::printf("%s: peak of one core f32 %.1f GMAC/s, s8 %.1f GMAC/s (0: not measured)\n", kernels.name,
              peak.f32, peak.s8);
  bench_attention(kernels);
  for (const ModelShape& model : kModels) {
    std::printf(" %s\n", model.name);
    bench_products(kernels, model, peak);
    bench_rows(kernels, model);
    bench_integer_rows(kernels, model);
    bench_logits(kernels, model);
  }
}

}  // namespace octavo::testing
