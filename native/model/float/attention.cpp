#include "model/float/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/panels.h"
#include "model/float/rows.h"

namespace octavo {

namespace {

constexpr std::size_t kFloatBytes = sizeof(float);

/// 1 / scale of its head for every column.
void spread_inverse(const std::vector<float>& scales, int head_dim, AlignedBuffer<float>& inverse) {
  const std::size_t width = scales.size() * static_cast<std::size_t>(head_dim);
  float* column = inverse.ensure(round_up(width, kWidestPanel));
  for (const float scale : scales) column = std::fill_n(column, head_dim, 1.0f / scale);
}

/// Stores a projection's rows `stride` bytes apart: as u8 around 128 by `inverse`, or as floats.
Epilogue store_rows(std::byte* rows, std::size_t stride, bool as_u8, const AlignedBuffer<float>& inverse) {
  if (as_u8) {
    return {.quantized = {.values = reinterpret_cast<std::uint8_t*>(rows),
                          .stride = static_cast<std::ptrdiff_t>(stride),
                          .inverse = inverse.data(),
                          .zero_point = 128}};
  }
  return {.output = reinterpret_cast<float*>(rows),
          .output_stride = static_cast<std::ptrdiff_t>(stride / kFloatBytes)};
}

}  // namespace

SoftmaxAttention::SoftmaxAttention(const LayerSource& source, const std::string& name, const Site& input,
                                   const Site& memory)
    : name_(name), heads_(source.config.attention_heads), head_dim_(source.config.head_dim()) {
  const int d = source.config.d_model;
  const int width = source.config.attention_width();
  load_scales(source);
  layout_ = source.kernels.attention.layout(heads_, head_dim_, scores_int8_, context_int8_);
  context_ = Site::load(source.plan, name + ".context", width, {name + ".output"});
  query_ = load_product(source, name + ".query", input, d, width);
  key_ = load_product(source, name + ".key", memory, d, width);
  value_ = load_product(source, name + ".value", memory, d, width);
  output_ = load_product(source, name + ".output", context_, width, d);
}

void SoftmaxAttention::load_scales(const LayerSource& source) {
  const float factor = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim_)));
  score_scale_.assign(static_cast<std::size_t>(heads_), factor);
  if (source.plan != nullptr) {
    scores_int8_ = source.plan->is_int8(name_ + ".scores");
    context_int8_ = source.plan->is_int8(name_ + ".context");
  }
  if (scores_int8_) {
    const std::vector<float>& queries = source.plan->heads.at(name_ + ".queries");
    const std::vector<float>& keys = source.plan->heads.at(name_ + ".keys");
    spread_inverse(queries, head_dim_, query_inverse_);
    spread_inverse(keys, head_dim_, key_inverse_);
    for (std::size_t h = 0; h < score_scale_.size(); ++h) score_scale_[h] = queries[h] * keys[h] * factor;
  }
  if (context_int8_) {
    value_scale_ = source.plan->heads.at(name_ + ".values");
    spread_inverse(value_scale_, head_dim_, value_inverse_);
  }
}

void SoftmaxAttention::keep_keys_values(const ProductInput& input, std::byte* const* pages,
                                        const std::uint8_t* positions, Workspace& workspace) const {
  const std::size_t width = static_cast<std::size_t>(heads_ * head_dim_);
  const std::size_t key_bytes = scores_int8_ ? width : width * kFloatBytes;
  const std::size_t value_bytes = context_int8_ ? width : width * kFloatBytes;
  const auto rows = static_cast<std::size_t>(input.rows);
  std::byte* keys = workspace.keys.ensure(rows * key_bytes);
  std::byte* values = workspace.values.ensure(rows * value_bytes);
  key_.apply(input, store_rows(keys, key_bytes, scores_int8_, key_inverse_), workspace);
  value_.apply(input, store_rows(values, value_bytes, context_int8_, value_inverse_), workspace);
  if (workspace.observer != nullptr) observe_keys_values(keys, values, input.rows, workspace);
  workspace.kernels->attention.keep({.layout = &layout_,
                                     .rows = input.rows,
                                     .keys = keys,
                                     .values = values,
                                     .key_stride = static_cast<std::ptrdiff_t>(key_bytes),
                                     .value_stride = static_cast<std::ptrdiff_t>(value_bytes),
                                     .pages = pages,
                                     .positions = positions});
}

void SoftmaxAttention::observe_keys_values(const std::byte* keys, const std::byte* values, int rows,
                                           Workspace& workspace) const {
  const int width = heads_ * head_dim_;
  workspace.observer->observe(name_ + ".keys", reinterpret_cast<const float*>(keys), rows, width, width);
  workspace.observer->observe(name_ + ".values", reinterpret_cast<const float*>(values), rows, width, width);
}

void SoftmaxAttention::project_queries(const ProductInput& input, Workspace& workspace) const {
  const auto width = static_cast<std::size_t>(heads_ * head_dim_);
  const std::size_t size = static_cast<std::size_t>(input.rows) * width;
  std::byte* rows = scores_int8_ ? reinterpret_cast<std::byte*>(workspace.query_u8.ensure(size))
                                 : reinterpret_cast<std::byte*>(workspace.query.ensure(size));
  const std::size_t stride = scores_int8_ ? width : width * kFloatBytes;
  query_.apply(input, store_rows(rows, stride, scores_int8_, query_inverse_), workspace);
  if (workspace.observer != nullptr) {
    const int columns = static_cast<int>(width);
    workspace.observer->observe(name_ + ".queries", workspace.query.data(), input.rows, columns, columns);
  }
  // The contexts take the place of the input, which nothing reads any more once queries, keys and values are
  // made, so that u8 inputs and u8 contexts can share a buffer.
  if (context_.is_fused()) {
    context_.target(input.rows, workspace.quantized);
  } else {
    workspace.context.ensure(size);
  }
}

/// Fills in all but what is seen and where contexts go.
void SoftmaxAttention::prepare(int first, Attend& job, Workspace& workspace) const {
  const std::ptrdiff_t width = heads_ * head_dim_;
  const std::size_t scratch = kAttendScratchRows * round_up(static_cast<std::size_t>(job.positions), 64);
  job.layout = &layout_;
  if (scores_int8_) {
    job.query = reinterpret_cast<const std::byte*>(workspace.query_u8.data() + first * width);
    job.query_stride = width;
  } else {
    job.query = reinterpret_cast<const std::byte*>(workspace.query.data() + first * width);
    job.query_stride = width * static_cast<std::ptrdiff_t>(kFloatBytes);
  }
  job.score_scale = score_scale_.data();
  job.value_scale = value_scale_.data();
  job.scores = workspace.scores.ensure(scratch);
  job.weights = workspace.weights.ensure(scratch);
}

void SoftmaxAttention::attend(int first, Attend job, Workspace& workspace) const {
  const std::ptrdiff_t width = heads_ * head_dim_;
  prepare(first, job, workspace);
  if (context_.is_fused()) {
    job.quantized = context_.target(first + job.queries, workspace.quantized);
    job.quantized.values += first * job.quantized.stride;
  } else {
    job.output = workspace.context.data() + first * width;
    job.output_stride = width;
  }
  workspace.kernels->attention.attend(job);
  if (workspace.observer != nullptr) observe_weights(job, workspace);
}

HeadWeights SoftmaxAttention::weigh(int first, Attend job, int head, Workspace& workspace) const {
  prepare(first, job, workspace);
  const std::size_t stride = round_up(static_cast<std::size_t>(job.positions), 64);
  const HeadWeights target{
      .head = head,
      .weights = workspace.head_weights.ensure(static_cast<std::size_t>(job.queries) * stride),
      .stride = static_cast<std::ptrdiff_t>(stride)};
  workspace.kernels->attention.weigh(job, target);
  return target;
}

/// Attends once more, a query and a head at a time, because the weights of one are what a kernel leaves
/// behind.
void SoftmaxAttention::observe_weights(const Attend& job, Workspace& workspace) const {
  const KernelTable& kernels = *workspace.kernels;
  const PageLayout layout = kernels.attention.layout(1, head_dim_, false, false);
  const std::ptrdiff_t head_bytes = head_dim_ * static_cast<std::ptrdiff_t>(kFloatBytes);
  const auto page_count = static_cast<std::size_t>((job.positions + kPagePositions - 1) / kPagePositions);
  AlignedBuffer<std::byte> memory(page_count * layout.bytes);
  AlignedBuffer<float> output(static_cast<std::size_t>(head_dim_));
  std::vector<std::byte*> pages;
  for (std::size_t p = 0; p < page_count; ++p) pages.push_back(memory.data() + p * layout.bytes);
  for (int head = 0; head < heads_; ++head) {
    for (int position = 0; position < job.positions; ++position) {
      const std::byte* page = job.pages[position / kPagePositions];
      const auto place = static_cast<std::uint8_t>(position % kPagePositions);
      const std::byte* key = page + (head * kPagePositions + place) * head_bytes;
      kernels.attention.keep({.layout = &layout,
                              .rows = 1,
                              .keys = key,
                              .values = key,
                              .key_stride = head_bytes,
                              .value_stride = head_bytes,
                              .pages = &pages[static_cast<std::size_t>(position / kPagePositions)],
                              .positions = &place});
    }
    for (int q = 0; q < job.queries; ++q) {
      Attend one = job;
      one.layout = &layout;
      one.queries = 1;
      one.query += q * job.query_stride + head * head_bytes;
      one.pages = pages.data();
      if (job.bias.values != nullptr)
        one.bias.values += head * job.bias.head_stride + q * job.bias.query_stride;
      if (job.order != nullptr) {
        one.order += q * job.order_stride;
        one.counts += q;
        one.visible += q * job.visible_stride;
      }
      one.output = output.data();
      kernels.attention.attend(one);
      const int count = job.order != nullptr ? *one.counts : job.positions;
      workspace.observer->observe(name_ + ".weights", one.scores, 1, count, count);
    }
  }
}

void SoftmaxAttention::project_output(int rows, const Epilogue& epilogue, Workspace& workspace) const {
  const ProductInput input = context_.is_fused()
                                 ? context_.stored(rows, workspace.quantized)
                                 : context_.prepare(workspace.context.data(), rows, workspace);
  output_.apply(input, epilogue, workspace);
}

}  // namespace octavo
