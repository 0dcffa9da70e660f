#include "model/float/feed_forward.h"

namespace octavo {

FloatFeedForward::FloatFeedForward(const LayerSource& source, const std::string& name)
    : FeedForward(source, name,
                  source.config.gated ? std::vector<std::string>{"gate", "inner"}
                                      : std::vector<std::string>{"inner"}),
      activation_(source.config.activation) {
  const int d = source.config.d_model;
  const int ffn = source.config.ffn_dim;
  hidden_ = Site::load(source.plan, name + ".hidden", ffn, {name + ".outer"});
  if (source.config.gated) gate_ = load_product(source, name + ".gate", input(), d, ffn);
  inner_ = load_product(source, name + ".inner", input(), d, ffn);
  outer_ = load_product(source, name + ".outer", hidden_, ffn, d);
}

void FloatFeedForward::apply(const ProductInput& input, const Epilogue& add, Workspace& workspace) const {
  const int rows = input.rows;
  const int ffn = inner_.outputs();
  const std::size_t size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(ffn);
  Epilogue made{.activation = activation_};
  if (gate_.has_value()) {
    float* gate = workspace.gate.ensure(size);
    gate_->apply(input, {.activation = activation_, .output = gate, .output_stride = ffn}, workspace);
    made = {.factor = gate, .factor_stride = ffn};
  }
  if (hidden_.is_fused()) {
    made.quantized = hidden_.target(rows, workspace.hidden_u8);
    inner_.apply(input, made, workspace);
    outer_.apply(hidden_.stored(rows, workspace.hidden_u8), add, workspace);
    return;
  }
  float* hidden = workspace.hidden.ensure(size);
  made.output = hidden;
  made.output_stride = ffn;
  inner_.apply(input, made, workspace);
  outer_.apply(hidden_.prepare(hidden, rows, workspace), add, workspace);
}

}  // namespace octavo
