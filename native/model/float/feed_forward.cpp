#include "model/float/feed_forward.h"

namespace octavo {

FloatFeedForward::FloatFeedForward(const LayerSource& source, const std::string& name)
    : FeedForward(source, name, {"inner"}), activation_(source.config.activation) {
  const int d = source.config.d_model;
  const int ffn = source.config.ffn_dim;
  hidden_ = Site::load(source.plan, name + ".hidden", ffn, {name + ".outer"});
  inner_ = load_product(source, name + ".inner", input(), d, ffn);
  outer_ = load_product(source, name + ".outer", hidden_, ffn, d);
}

void FloatFeedForward::apply(const ProductInput& input, const Epilogue& add, Workspace& workspace) const {
  const int rows = input.rows;
  if (hidden_.is_fused()) {
    inner_.apply(input, {.activation = activation_, .quantized = hidden_.target(rows, workspace.hidden_u8)},
                 workspace);
    outer_.apply(hidden_.stored(rows, workspace.hidden_u8), add, workspace);
    return;
  }
  const int ffn = inner_.outputs();
  float* hidden = workspace.hidden.ensure(static_cast<std::size_t>(rows) * static_cast<std::size_t>(ffn));
  inner_.apply(input, {.activation = activation_, .output = hidden, .output_stride = ffn}, workspace);
  outer_.apply(hidden_.prepare(hidden, rows, workspace), add, workspace);
}

}  // namespace octavo
