#include "model/integer/feed_forward.h"

namespace octavo {

IntegerFeedForward::IntegerFeedForward(const LayerSource& source, const std::string& name)
    : FeedForward(source, name, {"inner"}), hidden_{.width = source.config.ffn_dim, .zero_point = 0} {
  inner_ = load_product(source, name + ".inner", input(), source.config.ffn_dim);
  outer_ = load_product(source, name + ".outer", hidden_, source.config.d_model);
}

void IntegerFeedForward::apply(const ProductInput& input, const IntegerTarget& add,
                               Workspace& workspace) const {
  const int rows = input.rows;
  inner_.apply(input,
               {.bytes = hidden_.ensure(rows, workspace.hidden_u8),
                .zero_point = hidden_.zero_point,
                .stride = hidden_.stride()},
               workspace);
  outer_.apply(hidden_.stored(rows, workspace.hidden_u8), add, workspace);
}

}  // namespace octavo
