#include "model/layers.h"

#include <algorithm>
#include <cmath>

#include "kernels/panels.h"

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

Linear load_linear(const LayerSource& source, const std::string& product, const Site& site, int inputs,
                   int outputs) {
  return Linear::load(
      source.weights, source.kernels, source.plan, product, site,
      {.weight = product + ".weight", .bias = product + ".bias", .inputs = inputs, .outputs = outputs});
}

void point_at_rows(const std::byte* rows, std::size_t row_bytes, int count,
                   std::vector<const std::byte*>& pointers) {
  pointers.resize(std::max(pointers.size(), static_cast<std::size_t>(count)));
  for (std::size_t j = 0; j < static_cast<std::size_t>(count); ++j) pointers[j] = rows + j * row_bytes;
}

Attention Attention::load_self(const LayerSource& source, const std::string& name) {
  return load(source, name, nullptr);
}

Attention Attention::load_cross(const LayerSource& source, const std::string& name, const Site& memory) {
  return load(source, name, &memory);
}

Attention Attention::load(const LayerSource& source, const std::string& name, const Site* memory) {
  Attention attention;
  const int d = source.config.d_model;
  attention.name_ = name;
  attention.heads_ = source.config.attention_heads;
  attention.head_dim_ = source.config.head_dim();
  attention.load_scales(source);
  std::vector<std::string> readers{name + ".query"};
  if (memory == nullptr) readers.insert(readers.end(), {name + ".key", name + ".value"});
  attention.input_ = Site::load(source.plan, name + ".input", d, readers);
  attention.context_ = Site::load(source.plan, name + ".context", d, {name + ".output"});
  const Site& remembered = memory == nullptr ? attention.input_ : *memory;
  attention.query_ = load_linear(source, name + ".query", attention.input_, d, d);
  attention.key_ = load_linear(source, name + ".key", remembered, d, d);
  attention.value_ = load_linear(source, name + ".value", remembered, d, d);
  attention.output_ = load_linear(source, name + ".output", attention.context_, d, d);
  attention.norm_ =
      LayerNorm::load(source.weights.source(), name + ".norm", d, source.config.layer_norm_epsilon);
  return attention;
}

void Attention::load_scales(const LayerSource& source) {
  const auto width = static_cast<std::size_t>(source.config.d_model);
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
  const std::size_t key_bytes = round_up(scores_int8_ ? width : width * kFloatBytes, kFloatBytes);
  const std::size_t value_bytes = round_up(context_int8_ ? width : width * kFloatBytes, kFloatBytes);
  value_offset_ = static_cast<std::ptrdiff_t>(key_bytes);
  row_bytes_ = key_bytes + value_bytes;
}

void Attention::project_keys_values(const ProductInput& input, std::byte* rows, Workspace& workspace) const {
  std::byte* values = rows + value_offset_;
  key_.apply(input, store_rows(rows, row_bytes_, scores_int8_, key_inverse_), workspace);
  value_.apply(input, store_rows(values, row_bytes_, context_int8_, value_inverse_), workspace);
  if (workspace.observer != nullptr) {
    const auto stride = static_cast<std::ptrdiff_t>(row_bytes_ / kFloatBytes);
    const int width = heads_ * head_dim_;
    workspace.observer->observe(name_ + ".keys", reinterpret_cast<const float*>(rows), input.rows, width,
                                stride);
    workspace.observer->observe(name_ + ".values", reinterpret_cast<const float*>(values), input.rows, width,
                                stride);
  }
}

void Attention::project_queries(const ProductInput& input, Workspace& workspace) const {
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

void Attention::attend(int row, int count, Workspace& workspace) const {
  const std::ptrdiff_t width = heads_ * head_dim_;
  AttendRow job{.rows = workspace.key_value_rows.data(),
                .count = count,
                .value_offset = value_offset_,
                .heads = heads_,
                .head_dim = head_dim_,
                .keys_u8 = scores_int8_,
                .values_u8 = context_int8_,
                .score_scale = score_scale_.data(),
                .value_scale = value_scale_.data(),
                .scores = workspace.scores.ensure(round_up(static_cast<std::size_t>(count), 16)),
                .weights = workspace.weights.ensure(round_up(static_cast<std::size_t>(count), 64))};
  if (scores_int8_) {
    job.query_u8 = workspace.query_u8.data() + row * width;
  } else {
    job.query = workspace.query.data() + row * width;
  }
  if (context_.is_fused()) {
    job.quantized = context_.target(row + 1, workspace.quantized);
    job.quantized.values += row * job.quantized.stride;
  } else {
    job.output = workspace.context.data() + row * width;
  }
  workspace.kernels->attend(job);
  if (workspace.observer != nullptr) observe_weights(job, workspace);
}

void Attention::observe_weights(AttendRow job, Workspace& workspace) const {
  std::vector<const std::byte*> rows(job.rows, job.rows + job.count);
  job.rows = rows.data();
  job.heads = 1;
  for (int head = 0; head < heads_; ++head) {
    workspace.kernels->attend(job);
    workspace.observer->observe(name_ + ".weights", job.scores, 1, job.count, job.count);
    for (const std::byte*& row : rows) row += static_cast<std::size_t>(head_dim_) * kFloatBytes;
    job.query += head_dim_;
    job.output += head_dim_;
  }
}

void Attention::project_output(int rows, const Epilogue& epilogue, Workspace& workspace) const {
  const ProductInput input = context_.is_fused()
                                 ? context_.stored(rows, workspace.quantized)
                                 : context_.prepare(workspace.context.data(), rows, workspace);
  output_.apply(input, epilogue, workspace);
}

FeedForward FeedForward::load(const LayerSource& source, const std::string& name) {
  FeedForward layer;
  const int d = source.config.d_model;
  const int ffn = source.config.ffn_dim;
  layer.name_ = name;
  layer.input_ = Site::load(source.plan, name + ".input", d, {name + ".inner"});
  layer.hidden_ = Site::load(source.plan, name + ".hidden", ffn, {name + ".outer"});
  layer.inner_ = load_linear(source, name + ".inner", layer.input_, d, ffn);
  layer.outer_ = load_linear(source, name + ".outer", layer.hidden_, ffn, d);
  layer.norm_ = LayerNorm::load(source.weights.source(), name + ".norm", d, source.config.layer_norm_epsilon);
  return layer;
}

void FeedForward::apply(const TransformerConfig& config, float* x, int rows, Workspace& workspace) const {
  residual_sublayer(
      config, name_, norm_, input_, x, rows, workspace, [&](const ProductInput& input, const Epilogue& add) {
        if (hidden_.is_fused()) {
          inner_.apply(
              input,
              {.activation = config.activation, .quantized = hidden_.target(rows, workspace.hidden_u8)},
              workspace);
          outer_.apply(hidden_.stored(rows, workspace.hidden_u8), add, workspace);
          return;
        }
        const int ffn = inner_.outputs();
        float* hidden =
            workspace.hidden.ensure(static_cast<std::size_t>(rows) * static_cast<std::size_t>(ffn));
        inner_.apply(input, {.activation = config.activation, .output = hidden, .output_stride = ffn},
                     workspace);
        outer_.apply(hidden_.prepare(hidden, rows, workspace), add, workspace);
      });
}

}  // namespace octavo
