#pragma once

#include <string>

#include "model/float/rows.h"
#include "model/sublayer.h"

namespace octavo {

/// outer(activation(inner(x))).
class FloatFeedForward : public FeedForward<FloatRows> {
 public:
  FloatFeedForward(const LayerSource& source, const std::string& name);

  void apply(const ProductInput& input, const Epilogue& add, Workspace& workspace) const override;

 private:
  Activation activation_;
  Site hidden_;
  Linear inner_;
  Linear outer_;
};

}  // namespace octavo
