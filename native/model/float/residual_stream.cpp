#include "model/float/residual_stream.h"

namespace octavo {

ProductInput FloatResidualStream::enter(const Sublayer<FloatRows>& sublayer) {
  const ProductInput input = end_sublayer(sublayer.norm(), sublayer.input());
  entered_ = &sublayer;
  return input;
}

ProductInput FloatResidualStream::finish(const FloatNorm& norm, const Site& site) {
  return end_sublayer(norm, site);
}

ProductInput FloatResidualStream::end_sublayer(const FloatNorm& next_norm, const Site& next) {
  if (workspace_->observer != nullptr && entered_ != nullptr) {
    workspace_->observer->observe(entered_->name() + ".residual", x_, rows_, width_, width_);
  }
  if (pre_norm_) return next_norm.apply(x_, rows_, next, workspace_->normalized, *workspace_);
  if (entered_ != nullptr && next.is_static())
    return entered_->norm().apply_in_place(x_, rows_, next, *workspace_);
  if (entered_ != nullptr) entered_->norm().apply(x_, rows_, x_, *workspace_);
  return next.prepare(x_, rows_, *workspace_);
}

}  // namespace octavo
