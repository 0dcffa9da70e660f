// Checks that the kernel checks can fail: each is given a kernel with one planted error and must report it.

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "call.h"
#include "kernel_checks.h"
#include "kernels/integer_kernels.h"
#include "kernels/registry.h"

namespace octavo::testing {

namespace {

const KernelTable& truth() { return reference_kernels(); }

// One unit in the last place, in one kind of place.
void nudge(float& value) { value = std::nextafter(value, 1e30f); }

void product_f32_nudged(const ProductF32& product) {
  truth().linear_f32.product(product);
  const bool floats = product.epilogue.output != nullptr;
  if (floats && product.rows == 6 && product.columns == 17) nudge(product.epilogue.output[16]);
}

void product_f32_beyond_row(const ProductF32& product) {
  truth().linear_f32.product(product);
  if (product.epilogue.output_stride > product.columns && product.rows > 1) {
    product.epilogue.output[product.columns] = 0.0f;
  }
}

void product_f32_next_inverse(const ProductF32& product) {
  ProductF32 shifted = product;
  if (product.columns == 64) ++shifted.epilogue.quantized.inverse;
  truth().linear_f32.product(shifted);
}

void product_s8_off_by_one(const ProductS8& product) {
  truth().linear_s8.product(product);
  if (product.inner == 129 && product.epilogue.output != nullptr) nudge(product.epilogue.output[0]);
}

void product_s8_always_static(const ProductS8& product) {
  ProductS8 without = product;
  if (product.columns == 65) without.row_scale = nullptr;
  truth().linear_s8.product(without);
}

void product_s8_around_128(const ProductS8& product) {
  ProductS8 centred = product;
  centred.epilogue.quantized.zero_point = 128;
  truth().linear_s8.product(centred);
}

void accumulate_s8_saturated(const ProductS8& product, std::int32_t* sums) {
  truth().linear_s8.accumulate(product, sums);
  if (sums[0] > 1 << 30) sums[0] = 1 << 30;
}

void quantize_rows_half_up(const float* x, std::ptrdiff_t stride, int rows, int n, std::uint8_t* output,
                           std::ptrdiff_t output_stride, float* row_scale) {
  truth().quantize_rows(x, stride, rows, n, output, output_stride, row_scale);
  for (int i = 0; i < n && row_scale[0] == 1.0f; ++i) {
    output[i] = static_cast<std::uint8_t>(static_cast<int>(std::floor(x[i] + 0.5f)) + 128);
  }
}

void quantize_static_nan_as_zero(const float* x, std::ptrdiff_t stride, int rows, int n,
                                 const QuantizedRows& output) {
  truth().quantize_static(x, stride, rows, n, output);
  for (int i = 0; i < n && rows == 5; ++i) {
    if (std::isnan(x[i])) output.values[i] = static_cast<std::uint8_t>(output.zero_point);
  }
}

void quantize_static_to_254(const float* x, std::ptrdiff_t stride, int rows, int n,
                            const QuantizedRows& output) {
  truth().quantize_static(x, stride, rows, n, output);
  if (output.zero_point == 127 && output.values[0] == 255) output.values[0] = 254;
}

QuantizedRows full_range(QuantizedRows rows) {
  rows.least = 0;
  return rows;
}

void product_s8_full_range(const ProductS8& product) {
  ProductS8 full = product;
  full.epilogue.quantized = full_range(product.epilogue.quantized);
  truth().linear_s8.product(full);
}

void quantize_static_full_range(const float* x, std::ptrdiff_t stride, int rows, int n,
                                const QuantizedRows& output) {
  truth().quantize_static(x, stride, rows, n, full_range(output));
}

void layer_norm_full_range(const float* x, int rows, int n, const float* weight, const float* bias,
                           float epsilon, float* output, const QuantizedRows& quantized) {
  truth().layer_norm(x, rows, n, weight, bias, epsilon, output, full_range(quantized));
}

void attend_full_range(const Attend& job) {
  Attend full = job;
  full.quantized = full_range(job.quantized);
  truth().attention.attend(full);
}

void layer_norm_before_row(const float* x, int rows, int n, const float* weight, const float* bias,
                           float epsilon, float* output, const QuantizedRows& quantized) {
  truth().layer_norm(x, rows, n, weight, bias, epsilon, output, quantized);
  if (output != nullptr) output[-1] = 0.0f;
}

void layer_norm_without_u8(const float* x, int rows, int n, const float* weight, const float* bias,
                           float epsilon, float* output, const QuantizedRows& quantized) {
  truth().layer_norm(x, rows, n, weight, bias, epsilon, output,
                     output != nullptr ? QuantizedRows{} : quantized);
}

void embed_f32_reads_on(const float* row, const float* position, int n, float scale, float* output) {
  truth().embed_f32(row, position, n, scale, output);
  static_cast<void>(*static_cast<const volatile float*>(position + n));
}

void embed_s8_writes_on(const std::int8_t* row, float row_scale, const float* position, int n, float scale,
                        float* output) {
  truth().embed_s8(row, row_scale, position, n, scale, output);
  static_cast<volatile float*>(output)[n] = 0.0f;
}

void integer_s8_not_shifted_left(const IntegerProduct& product) {
  IntegerProduct straight = product;
  if (product.columns == 65) straight.factors.left = nullptr;
  truth().linear_s8.integer(straight);
}

void integer_s8_to_32768(const IntegerProduct& product) {
  truth().linear_s8.integer(product);
  std::int16_t* residual = product.target.residual;
  if (residual != nullptr && residual[0] == -32767) residual[0] = -32768;
}

void integer_s8_around_128(const IntegerProduct& product) {
  IntegerProduct centred = product;
  centred.target.zero_point = 128;
  truth().linear_s8.integer(centred);
}

void l1_norm_off_by_one(const L1Norm& norm) {
  truth().l1_norm(norm);
  const bool longest = norm.n == 16384 && norm.shift == 13;
  for (int i = 0; longest && i < norm.n; ++i) norm.output[i] ^= 1;
}

void l1_norm_beyond_row(const L1Norm& norm) {
  truth().l1_norm(norm);
  if (norm.output_stride > norm.n && norm.rows > 1) norm.output[norm.n] = 0;
}

void embed_integer_wrapped(const EmbedInteger& embedding) {
  truth().embed_integer(embedding);
  if (embedding.shift == -16 && embedding.output[0] == 32767) embedding.output[0] = -32768;
}

float dequantize_rounded_once(const std::int32_t* x, int n, float inverse, float* output) {
  for (int i = 0; i < n; ++i) output[i] = static_cast<float>(static_cast<double>(x[i]) * inverse);
  return truth().largest(output, n);
}

float dequantize_with_padding(const std::int32_t* x, int n, float inverse, float* output) {
  const float found = truth().dequantize(x, n, inverse, output);
  return n % 16 == 0 || found > 0 ? found : 0;
}

PageLayout layout_in_half_lines(int heads, int head_dim, bool keys_u8, bool values_u8) {
  PageLayout layout = truth().attention.layout(heads, head_dim, keys_u8, values_u8);
  layout.bytes += heads == 3 ? 32 : 0;
  return layout;
}

void keep_at_two_places(const KeepRows& job) {
  truth().attention.keep(job);
  KeepRows next = job;
  const auto place = static_cast<std::uint8_t>((job.positions[0] + 1) % kPagePositions);
  next.positions = &place;
  next.rows = 1;
  if (job.layout->keys_u8 && !job.layout->values_u8) truth().attention.keep(next);
}

void attend_without_last_position(const Attend& job) {
  Attend shorter = job;
  if (job.order == nullptr && job.positions == 33) shorter.positions = 32;
  truth().attention.attend(shorter);
}

void attend_to_what_the_first_sees(const Attend& job) {
  Attend same = job;
  for (int query = 0; query < job.queries && job.order != nullptr; ++query) {
    const std::array counts{job.counts[0]};
    same.queries = 1;
    same.counts = counts.data();
    same.query = job.query + query * job.query_stride;
    same.output = job.output != nullptr ? job.output + query * job.output_stride : nullptr;
    if (job.output == nullptr) same.quantized.values = job.quantized.values + query * job.quantized.stride;
    truth().attention.attend(same);
  }
  if (job.order == nullptr) truth().attention.attend(job);
}

void attend_reads_query_on(const Attend& job) {
  truth().attention.attend(job);
  const int width = job.layout->heads * job.layout->head_dim * (job.layout->keys_u8 ? 1 : 4);
  const std::byte* last = job.query + (job.queries - 1) * job.query_stride;
  static_cast<void>(*static_cast<const volatile std::byte*>(last + width));
}

void attend_polynomial_without_delta(const AttendPolynomial& job) {
  std::vector<HeadPolynomial> heads(job.heads, job.heads + job.layout->heads);
  for (HeadPolynomial& head : heads) head.delta = 0;
  AttendPolynomial without = job;
  if (job.degree == 3) without.heads = heads.data();
  truth().attention.attend_polynomial(without);
}

void attend_polynomial_to_all(const AttendPolynomial& job) {
  AttendPolynomial all = job;
  all.order = nullptr;
  truth().attention.attend_polynomial(all);
}

void attend_polynomial_beyond_row(const AttendPolynomial& job) {
  truth().attention.attend_polynomial(job);
  const int width = job.layout->heads * job.layout->head_dim;
  if (job.output_stride > width && job.queries > 1) job.output[width] = 0;
}

void weigh_by_another_head(const Attend& job, const HeadWeights& target) {
  HeadWeights other = target;
  if (job.positions == 33) other.head = (target.head + 1) % job.layout->heads;
  truth().attention.weigh(job, other);
}

void weigh_polynomial_without_last_query(const AttendPolynomial& job, const HeadWeights& target) {
  truth().attention.weigh_polynomial(job, target);
  if (job.queries == 9) target.weights[8 * target.stride] ^= 1;
}

float largest_with_padding(const float* x, int n) {
  const float found = truth().largest(x, n);
  return n % 16 == 0 || found > 0 ? found : 0;
}

float log_sum_exp_with_padding(const float* x, int n, float largest) {
  // What sixteen lanes give when the missing ones count as exp(0).
  const float sum = truth().log_sum_exp(x, n, largest);
  return n % 16 == 0 ? sum : sum + 1e-3f;
}

int top_k_last_of_equals(const float* x, int n, int first, int k, int found, ScoredToken* best) {
  found = truth().top_k(x, n, first, k, found, best);
  for (int i = 0; i < n; ++i) {
    if (found > 0 && x[i] == best[0].logit) best[0].token = first + i;
  }
  return found;
}

struct Planted {
  const char* check;
  const char* error;
  void (*plant)(KernelTable&);
};

constexpr std::array kPlanted{
    Planted{"product_f32", "columns=17", [](KernelTable& t) { t.linear_f32.product = product_f32_nudged; }},
    Planted{"product_f32", "behind the row",
            [](KernelTable& t) { t.linear_f32.product = product_f32_beyond_row; }},
    Planted{"product_f32", "output=u8",
            [](KernelTable& t) { t.linear_f32.product = product_f32_next_inverse; }},
    Planted{"product_s8", "inner=129", [](KernelTable& t) { t.linear_s8.product = product_s8_off_by_one; }},
    Planted{"product_s8", "row_scales",
            [](KernelTable& t) { t.linear_s8.product = product_s8_always_static; }},
    Planted{"product_s8", "output=u8", [](KernelTable& t) { t.linear_s8.product = product_s8_around_128; }},
    Planted{"accumulate_s8", "sums[row 0, column 0]",
            [](KernelTable& t) { t.linear_s8.accumulate = accumulate_s8_saturated; }},
    Planted{"quantize_rows", "values=ties", [](KernelTable& t) { t.quantize_rows = quantize_rows_half_up; }},
    Planted{"quantize_static", "rows=5",
            [](KernelTable& t) { t.quantize_static = quantize_static_nan_as_zero; }},
    Planted{"quantize_static", "zero_point=127",
            [](KernelTable& t) { t.quantize_static = quantize_static_to_254; }},
    Planted{"quantize_static", "least=1",
            [](KernelTable& t) { t.quantize_static = quantize_static_full_range; }},
    Planted{"product_s8", "least=1", [](KernelTable& t) { t.linear_s8.product = product_s8_full_range; }},
    Planted{"layer_norm", "least=1", [](KernelTable& t) { t.layer_norm = layer_norm_full_range; }},
    Planted{"attend", "least=1", [](KernelTable& t) { t.attention.attend = attend_full_range; }},
    Planted{"layer_norm", "1 before output", [](KernelTable& t) { t.layer_norm = layer_norm_before_row; }},
    Planted{"layer_norm", "output=floats and u8",
            [](KernelTable& t) { t.layer_norm = layer_norm_without_u8; }},
    Planted{"embed_f32", "memory fault", [](KernelTable& t) { t.embed_f32 = embed_f32_reads_on; }},
    Planted{"embed_s8", "memory fault", [](KernelTable& t) { t.embed_s8 = embed_s8_writes_on; }},
    Planted{"integer_s8", "columns=65",
            [](KernelTable& t) { t.linear_s8.integer = integer_s8_not_shifted_left; }},
    Planted{"integer_s8", "output=residual",
            [](KernelTable& t) { t.linear_s8.integer = integer_s8_to_32768; }},
    Planted{"integer_s8", "output=u8 from 0",
            [](KernelTable& t) { t.linear_s8.integer = integer_s8_around_128; }},
    Planted{"l1_norm", "n=16384", [](KernelTable& t) { t.l1_norm = l1_norm_off_by_one; }},
    Planted{"l1_norm", "behind the row", [](KernelTable& t) { t.l1_norm = l1_norm_beyond_row; }},
    Planted{"embed_integer", "shift=-16", [](KernelTable& t) { t.embed_integer = embed_integer_wrapped; }},
    Planted{"dequantize", "bits=31", [](KernelTable& t) { t.dequantize = dequantize_rounded_once; }},
    Planted{"dequantize", "largest", [](KernelTable& t) { t.dequantize = dequantize_with_padding; }},
    Planted{"layout", "heads=3", [](KernelTable& t) { t.attention.layout = layout_in_half_lines; }},
    Planted{"keep", "keys=u8 kept values=floats",
            [](KernelTable& t) { t.attention.keep = keep_at_two_places; }},
    Planted{"attend", "positions=33",
            [](KernelTable& t) { t.attention.attend = attend_without_last_position; }},
    Planted{"attend", "in their own order",
            [](KernelTable& t) { t.attention.attend = attend_to_what_the_first_sees; }},
    Planted{"attend", "memory fault", [](KernelTable& t) { t.attention.attend = attend_reads_query_on; }},
    Planted{"attend_polynomial", "degree=3",
            [](KernelTable& t) { t.attention.attend_polynomial = attend_polynomial_without_delta; }},
    Planted{"attend_polynomial", "in their own order",
            [](KernelTable& t) { t.attention.attend_polynomial = attend_polynomial_to_all; }},
    Planted{"attend_polynomial", "behind the row",
            [](KernelTable& t) { t.attention.attend_polynomial = attend_polynomial_beyond_row; }},
    Planted{"weigh", "positions=33", [](KernelTable& t) { t.attention.weigh = weigh_by_another_head; }},
    Planted{"weigh_polynomial", "query 8",
            [](KernelTable& t) { t.attention.weigh_polynomial = weigh_polynomial_without_last_query; }},
    Planted{"largest", "result", [](KernelTable& t) { t.largest = largest_with_padding; }},
    Planted{"log_sum_exp", "result", [](KernelTable& t) { t.log_sum_exp = log_sum_exp_with_padding; }},
    Planted{"top_k", ".token", [](KernelTable& t) { t.top_k = top_k_last_of_equals; }},
};

int run_check(const char* kernel, const KernelTable& kernels) {
  for (const KernelCheck& check : kernel_checks()) {
    if (std::string(check.kernel) == kernel) return check.run(kernels, Random(1));
  }
  throw std::runtime_error(std::string("no check of ") + kernel);
}

/// What a child process that runs the check with the planted error says; it must exit with status 1.
std::string complaint(const Planted& planted) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no child process");
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    report_faults();
    KernelTable kernels = truth();
    kernels.name = "planted";
    planted.plant(kernels);
    int status = 0;
    try {
      run_check(planted.check, kernels);
    } catch (const Mismatch& mismatch) {
      std::fprintf(stderr, "%s\n", mismatch.what());
      status = 1;
    }
    _exit(status);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 256> part{};
  for (ssize_t length = 0; (length = read(ends[0], part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(length));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? text : "";
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  int missed = 0;
  for (const Planted& planted : kPlanted) {
    const std::string text = complaint(planted);
    const bool told =
        text.find(planted.check) != std::string::npos && text.find(planted.error) != std::string::npos;
    std::printf("%s %s: %s", told ? "caught" : "MISSED", planted.check,
                text.empty() ? "nothing said\n" : text.c_str());
    missed += told ? 0 : 1;
  }
  if (missed != 0) std::fprintf(stderr, "FAILED: %d planted errors were not reported\n", missed);
  return missed == 0 ? 0 : 1;
}
