#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/registry.h"
#include "quantized_target.h"
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

void put_nonfinite(GuardedArray<float>& x, Random& random) {
  using Limits = std::numeric_limits<float>;
  for (const float value : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
    x[static_cast<std::size_t>(random.integer(0, static_cast<int>(x.size()) - 1))] = value;
  }
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
        reference_kernels().quantize_rows(x.data(), stride, rows, n, output.expected(), output_stride,
                                          scale.expected());
        kernels.quantize_rows(x.data(), stride, rows, n, output.actual(), output_stride, scale.actual());
        output.verify(call, "output");
        scale.verify(call, "row_scale");
      }
    }
  }
  return calls;
}

int check_quantize_static(const KernelTable& kernels, Random random) {
  GuardedArray<float> x;
  QuantizedTarget output;
  int calls = 0;
  for (const int n : lengths()) {
    for (const Values kind : kFiniteValues) {
      for (int rows = 1; rows <= 5; ++rows, ++calls) {
        const int stride = n + random.integer(0, 5);
        fill_rows(x, rows, n, stride, kind, random);
        if (rows == 5) put_nonfinite(x, random);
        output.prepare(rows, n, static_cast<std::size_t>(n), random.integer(0, 9), random);
        const std::string call = describe("quantize_static", kernels.name, " rows=", rows, " n=", n,
                                          " stride=", stride, output.text(), " values=", name_of(kind));
        reference_kernels().quantize_static(x.data(), stride, rows, n, output.for_reference());
        kernels.quantize_static(x.data(), stride, rows, n, output.for_subject());
        output.verify(call);
      }
    }
  }
  return calls;
}

namespace {

enum class NormOutput { floats, in_place, both, u8 };

constexpr std::array kNormOutputs{NormOutput::floats, NormOutput::in_place, NormOutput::both, NormOutput::u8};
constexpr std::array kNormOutputNames{"floats", "in place", "floats and u8", "u8"};

enum class Norm { layer, rms };

/// Of layer norm or RMS norm, whose outputs are the same.
class NormCheck {
 public:
  NormCheck(const KernelTable& kernels, Norm norm, Random random)
      : kernels_(kernels), norm_(norm), random_(random) {}

  int run() {
    int calls = 0;
    for (const int n : lengths()) {
      for (const Values kind : kFiniteValues) {
        for (const NormOutput output : kNormOutputs) {
          compare(1 + calls % 4, n, kind, output);
          compare(random_.integer(1, 4), n, kind, output);
          calls += 2;
        }
      }
    }
    return calls;
  }

 private:
  void compare(int rows, int n, Values kind, NormOutput kind_of_output) {
    const float epsilon = rows == 1 ? 1e-5f : rows == 2 ? 1e-6f : 0.0f;
    fill_rows(x_, rows, n, n, kind, random_);
    fill_vector(weight_, n, Values::normal, random_);
    fill_vector(bias_, n, Values::normal, random_);
    floats_.shape(rows, n, n);
    quantized_.prepare(rows, n, static_cast<std::size_t>(n), random_.integer(0, 9), random_);
    const std::string call =
        describe(norm_ == Norm::layer ? "layer_norm" : "rms_norm", kernels_.name, " rows=", rows, " n=", n,
                 " epsilon=", epsilon, " output=", kNormOutputNames[static_cast<std::size_t>(kind_of_output)],
                 kind_of_output >= NormOutput::both ? quantized_.text() : "", " values=", name_of(kind));
    run_one(reference_kernels(), rows, n, epsilon, kind_of_output, floats_.expected(),
            quantized_.for_reference());
    run_one(kernels_, rows, n, epsilon, kind_of_output, floats_.actual(), quantized_.for_subject());
    floats_.verify(call, "output");
    quantized_.verify(call);
  }

  void run_one(const KernelTable& kernels, int rows, int n, float epsilon, NormOutput output, float* floats,
               const QuantizedRows& quantized) const {
    const bool in_place = output == NormOutput::in_place;
    if (in_place) std::copy(x_.begin(), x_.end(), floats);
    const float* x = in_place ? floats : x_.data();
    float* target = output == NormOutput::u8 ? nullptr : floats;
    const QuantizedRows rows_u8 = output >= NormOutput::both ? quantized : QuantizedRows{};
    if (norm_ == Norm::layer) {
      kernels.layer_norm(x, rows, n, weight_.data(), bias_.data(), epsilon, target, rows_u8);
    } else {
      kernels.rms_norm(x, rows, n, weight_.data(), epsilon, target, rows_u8);
    }
  }

  const KernelTable& kernels_;
  Norm norm_;
  Random random_;
  GuardedArray<float> x_;
  GuardedArray<float> weight_;
  GuardedArray<float> bias_;
  CheckedOutput<float> floats_;
  QuantizedTarget quantized_;
};

}  // namespace

int check_layer_norm(const KernelTable& kernels, Random random) {
  return NormCheck(kernels, Norm::layer, random).run();
}

int check_rms_norm(const KernelTable& kernels, Random random) {
  return NormCheck(kernels, Norm::rms, random).run();
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
      reference_kernels().embed_f32(row.data(), position.data(), n, scale, output.expected());
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
      reference_kernels().embed_s8(row.data(), row_scale, position.data(), n, scale, output.expected());
      kernels.embed_s8(row.data(), row_scale, position.data(), n, scale, output.actual());
      output.verify(call, "output");
      ++calls;
    }
  }
  return calls;
}

}  // namespace octavo::testing
