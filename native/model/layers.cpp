#include "model/layers.h"

#include <cmath>

namespace octavo {

namespace {

Linear load_linear(const LayerSource& source, int inputs, const std::vector<std::string>& names,
                   int outputs) {
  std::vector<Linear::Part> parts;
  for (const std::string& name : names) parts.push_back({name, name + ".weight", name + ".bias", outputs});
  return Linear::load(source.weights, source.kernels, source.precision, inputs, parts);
}

}  // namespace

Attention Attention::load(const LayerSource& source, const std::string& name) {
  const int d = source.config.d_model;
  return {
      .query = load_linear(source, d, {name + ".query"}, d),
      .key_value = load_linear(source, d, {name + ".key", name + ".value"}, d),
      .output = load_linear(source, d, {name + ".output"}, d),
      .norm = LayerNorm::load(source.weights.source(), name + ".norm", d, source.config.layer_norm_epsilon)};
}

FeedForward FeedForward::load(const LayerSource& source, const std::string& name) {
  const int d = source.config.d_model;
  const int ffn = source.config.ffn_dim;
  return {
      .inner = load_linear(source, d, {name + ".inner"}, ffn),
      .outer = load_linear(source, ffn, {name + ".outer"}, d),
      .norm = LayerNorm::load(source.weights.source(), name + ".norm", d, source.config.layer_norm_epsilon)};
}

void project(const Linear& linear, const ProductInput& input, float* output, Workspace& workspace) {
  linear.apply(input, {.output = output, .output_stride = linear.outputs()}, workspace);
}

void feed_forward(const TransformerConfig& config, const FeedForward& layer, Precision precision, float* x,
                  int rows, Workspace& workspace) {
  residual_sublayer(config, layer.norm, x, rows, workspace, [&](const float* input, const Epilogue& add) {
    const int ffn = layer.inner.outputs();
    float* hidden = workspace.hidden.ensure(static_cast<std::size_t>(rows) * static_cast<std::size_t>(ffn));
    layer.inner.apply(prepare_input(input, rows, config.d_model, precision, workspace),
                      {.activation = config.activation, .output = hidden, .output_stride = ffn}, workspace);
    layer.outer.apply(prepare_input(hidden, rows, ffn, precision, workspace), add, workspace);
  });
}

AttendRow attention_job(const TransformerConfig& config, int keys, Workspace& workspace) {
  const std::size_t count = round_up(static_cast<std::size_t>(keys), 16);
  if (workspace.key_value_rows.size() < count) workspace.key_value_rows.resize(count);
  return {.rows = workspace.key_value_rows.data(),
          .count = keys,
          .value_offset = config.d_model,
          .heads = config.attention_heads,
          .head_dim = config.head_dim(),
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config.head_dim()))),
          .scores = workspace.scores.ensure(count)};
}

}  // namespace octavo
