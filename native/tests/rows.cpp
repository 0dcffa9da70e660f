#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/tiers.h"
#include "values.h"

namespace octavo::testing {

namespace {

/// `rows` rows of n values, `stride` apart, the gaps NaN.
void fill_rows(GuardedArray<float>& x, int rows, int n, int stride, Values kind, Random& random) {
  x.resize(static_cast<std::size_t>(rows - 1) * static_cast<std::size_t>(stride) +
           static_cast<std::size_t>(n));
  std::fill(x.begin(), x.end(), std::numeric_limits<float>::quiet_NaN());
  for (int row = 0; row < rows; ++row) {
    fill({x.data() + static_cast<std::ptrdiff_t>(row) * stride, static_cast<std::size_t>(n)}, kind, random);
  }
}

void fill_vector(GuardedArray<float>& x, int n, Values kind, Random& random) {
  x.resize(static_cast<std::size_t>(n));
  fill({x.data(), x.size()}, kind, random);
}

}  // namespace

int check_quantize_rows(const KernelTable& kernels, Random random) {
  GuardedArray<float> x;
  CheckedOutput<std::uint8_t> output;
  CheckedOutput<float> scale;
  int calls = 0;
  for (const int n : lengths()) {
    for (const Values kind : kFiniteValues) {
      for (int rows = 1; rows <= 5; ++rows, ++calls) {
        const int stride = n + random.integer(0, 5);
        const int output_stride = n + random.integer(0, 9);
        const std::string call = describe("quantize_rows", kernels.name, " rows=", rows, " n=", n,
                                          " strides=", stride, ",", output_stride, " values=", name_of(kind));
        fill_rows(x, rows, n, stride, kind, random);
        if (kind == Values::wide && rows == 5) x[0] = std::numeric_limits<float>::infinity();
        output.shape(rows, n, output_stride);
        scale.shape(1, rows, rows);
        reference::table().quantize_rows(x.data(), stride, rows, n, output.expected(), output_stride,
                                         scale.expected());
        kernels.quantize_rows(x.data(), stride, rows, n, output.actual(), output_stride, scale.actual());
        output.verify(call, "output");
        scale.verify(call, "row_scale");
      }
    }
  }
  return calls;
}

int check_layer_norm(const KernelTable& kernels, Random random) {
  GuardedArray<float> x;
  GuardedArray<float> weight;
  GuardedArray<float> bias;
  CheckedOutput<float> output;
  int calls = 0;
  for (const int n : lengths()) {
    for (const Values kind : kFiniteValues) {
      for (int rows = 1; rows <= 4; ++rows, ++calls) {
        const bool in_place = rows == 3;
        const float epsilon = rows == 1 ? 1e-5f : rows == 2 ? 1e-6f : 0.0f;
        const std::string call =
            describe("layer_norm", kernels.name, " rows=", rows, " n=", n, " epsilon=", epsilon,
                     " in_place=", in_place, " values=", name_of(kind));
        fill_rows(x, rows, n, n, kind, random);
        fill_vector(weight, n, Values::normal, random);
        fill_vector(bias, n, Values::normal, random);
        output.shape(rows, n, n);
        if (in_place) {
          std::copy(x.begin(), x.end(), output.expected());
          std::copy(x.begin(), x.end(), output.actual());
        }
        const float* expected_x = in_place ? output.expected() : x.data();
        const float* actual_x = in_place ? output.actual() : x.data();
        reference::table().layer_norm(expected_x, rows, n, weight.data(), bias.data(), epsilon,
                                      output.expected());
        kernels.layer_norm(actual_x, rows, n, weight.data(), bias.data(), epsilon, output.actual());
        output.verify(call, "output");
      }
    }
  }
  return calls;
}

int check_embed_f32(const KernelTable& kernels, Random random) {
  GuardedArray<float> row;
  GuardedArray<float> position;
  CheckedOutput<float> output;
  int calls = 0;
  for (const int n : lengths()) {
    for (const Values kind : kFiniteValues) {
      const float scale = calls % 2 == 0 ? 1.0f : 22.627417f;
      const std::string call =
          describe("embed_f32", kernels.name, " n=", n, " scale=", scale, " values=", name_of(kind));
      fill_vector(row, n, kind, random);
      fill_vector(position, n, kind, random);
      output.shape(1, n, n);
      reference::table().embed_f32(row.data(), position.data(), n, scale, output.expected());
      kernels.embed_f32(row.data(), position.data(), n, scale, output.actual());
      output.verify(call, "output");
      ++calls;
    }
  }
  return calls;
}

int check_embed_s8(const KernelTable& kernels, Random random) {
  GuardedArray<std::int8_t> row;
  GuardedArray<float> position;
  CheckedOutput<float> output;
  int calls = 0;
  for (const int n : lengths()) {
    for (const Values kind : kFiniteValues) {
      const float scale = calls % 2 == 0 ? 1.0f : 22.627417f;
      const float row_scale = calls % 5 == 0 ? random.any_finite() : calls % 7 == 0 ? 0.0f : random.unit();
      const std::string call = describe("embed_s8", kernels.name, " n=", n, " scale=", scale,
                                        " row_scale=", show(row_scale), " values=", name_of(kind));
      row.resize(static_cast<std::size_t>(n));
      std::generate(row.begin(), row.end(), [&] { return static_cast<std::int8_t>(random.bits()); });
      fill_vector(position, n, kind, random);
      output.shape(1, n, n);
      reference::table().embed_s8(row.data(), row_scale, position.data(), n, scale, output.expected());
      kernels.embed_s8(row.data(), row_scale, position.data(), n, scale, output.actual());
      output.verify(call, "output");
      ++calls;
    }
  }
  return calls;
}

}  // namespace octavo::testing
