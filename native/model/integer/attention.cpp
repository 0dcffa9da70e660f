#include "model/integer/attention.h"

#include "base/errors.h"
#include "model/integer/rows.h"
#include "ops/tensor_source.h"

namespace octavo {

namespace {

constexpr std::int64_t kLargestScore = 128 * 128;  // of one query byte times one key byte
constexpr int kMostContextExponent = -26;          // with the least mantissa, C = 2^4

}  // namespace

PolynomialAttention::PolynomialAttention(const LayerSource& source, const std::string& name,
                                         const IntegerSite& input, const IntegerSite& memory)
    : name_(name),
      degree_(source.config.polynomial_degree),
      head_dim_(source.config.head_dim()),
      context_{.width = source.config.d_model},
      heads_(static_cast<std::size_t>(source.config.attention_heads)) {
  const int d = source.config.d_model;
  load_polynomials(source.weights.source());
  layout_ = source.kernels.attention.layout(source.config.attention_heads, head_dim_, true, true);
  query_ = load_product(source, name + ".query", input, d);
  key_ = load_product(source, name + ".key", memory, d);
  value_ = load_product(source, name + ".value", memory, d);
  output_ = load_product(source, name + ".output", context_, d);
}

void PolynomialAttention::load_polynomials(TensorSource& source) {
  constexpr std::int64_t kLargestBias = (std::int64_t{1} << 30) - 1;
  const std::size_t count = heads_.size();
  const std::int64_t largest_score = head_dim_ * kLargestScore;
  const std::int32_t* bias =
      load_s32(source, name_ + ".polynomial.bias", count, {-kLargestBias, kLargestBias});
  for (std::size_t h = 0; h < count; ++h) {
    if (largest_score + bias[h] > kAllInt32.high)
      throw Error(name_ + ".scores: sums could leave int32 with the bias of head " + std::to_string(h));
    heads_[h].bias = bias[h];
  }
  const std::int32_t* delta = load_s32(source, name_ + ".polynomial.delta", count, {0, kMantissas.high});
  for (std::size_t h = 0; h < count; ++h) {
    if (delta[h] != 0 && delta[h] < kMantissas.low)
      throw Error(name_ + ".polynomial.delta: " + std::to_string(delta[h]) + " is neither 0 nor a mantissa");
    heads_[h].delta = delta[h];
  }
  const std::int8_t* shift = load_s8(source, name_ + ".polynomial.delta_shift", count, {1, 127});
  for (std::size_t h = 0; h < count; ++h) heads_[h].delta_shift = shift[h];
  const std::int32_t* context = load_s32(source, name_ + ".context_multiplier", count, kMantissas);
  for (std::size_t h = 0; h < count; ++h) heads_[h].context = context[h];
  const std::int8_t* exponent =
      load_s8(source, name_ + ".context_exponent", count, {-127, kMostContextExponent});
  for (std::size_t h = 0; h < count; ++h) {
    if (exponent[h] == kMostContextExponent && heads_[h].context != kMantissas.low)
      throw Error(name_ + ".context_multiplier: head " + std::to_string(h) + " scales by more than 16");
    heads_[h].context_exponent = exponent[h];
  }
}

void PolynomialAttention::keep_keys_values(const ProductInput& input, std::byte* const* pages,
                                           const std::uint8_t* positions, Workspace& workspace) const {
  const std::ptrdiff_t width = context_.width;
  const auto size = static_cast<std::size_t>(input.rows * width);
  std::byte* keys = workspace.keys.ensure(size);
  std::byte* values = workspace.values.ensure(size);
  key_.apply(input, {.bytes = reinterpret_cast<std::uint8_t*>(keys), .stride = width}, workspace);
  value_.apply(input, {.bytes = reinterpret_cast<std::uint8_t*>(values), .stride = width}, workspace);
  workspace.kernels->attention.keep({.layout = &layout_,
                                     .rows = input.rows,
                                     .keys = keys,
                                     .values = values,
                                     .key_stride = width,
                                     .value_stride = width,
                                     .pages = pages,
                                     .positions = positions});
}

void PolynomialAttention::project_queries(const ProductInput& input, Workspace& workspace) const {
  const std::ptrdiff_t width = context_.width;
  std::uint8_t* queries = workspace.query_u8.ensure(static_cast<std::size_t>(input.rows * width));
  query_.apply(input, {.bytes = queries, .stride = width}, workspace);
  // The contexts take the place of the input, which nothing reads any more.
  context_.ensure(input.rows, workspace.quantized);
}

/// Fills in all but what is seen and where contexts go.
void PolynomialAttention::prepare(int first, AttendPolynomial& job, Workspace& workspace) const {
  const std::ptrdiff_t width = context_.width;
  const std::size_t scratch = kAttendScratchRows * round_up(static_cast<std::size_t>(job.positions), 64);
  job.layout = &layout_;
  job.query = workspace.query_u8.data() + first * width;
  job.query_stride = width;
  job.heads = heads_.data();
  job.degree = degree_;
  job.scores = workspace.integer_scores.ensure(scratch);
  job.weights = workspace.weights.ensure(scratch);
}

void PolynomialAttention::attend(int first, AttendPolynomial job, Workspace& workspace) const {
  prepare(first, job, workspace);
  job.output = workspace.quantized.data() + first * context_.stride();
  job.output_stride = context_.stride();
  workspace.kernels->attention.attend_polynomial(job);
}

HeadWeights PolynomialAttention::weigh(int first, AttendPolynomial job, int head,
                                       Workspace& workspace) const {
  prepare(first, job, workspace);
  const std::size_t stride = round_up(static_cast<std::size_t>(job.positions), 64);
  const HeadWeights target{
      .head = head,
      .weights = workspace.head_weights.ensure(static_cast<std::size_t>(job.queries) * stride),
      .stride = static_cast<std::ptrdiff_t>(stride)};
  workspace.kernels->attention.weigh_polynomial(job, target);
  return target;
}

void PolynomialAttention::project_output(int rows, const IntegerTarget& target, Workspace& workspace) const {
  output_.apply(context_.stored(rows, workspace.quantized), target, workspace);
}

}  // namespace octavo
