#pragma once

#include <optional>
#include <string>

#include "model/float/rows.h"
#include "model/sublayer.h"

namespace octavo {

/// outer(activation(inner(x))) or, gated, outer(activation(gate(x)) · inner(x)).
class FloatFeedForward : public FeedForward<FloatRows> {
 public:
  FloatFeedForward(const LayerSource& source, const std::string& name);

  void apply(const ProductInput& input, const Epilogue& add, Workspace& workspace) const override;

 private:
  Activation activation_;
  Site hidden_;
  std::optional<Linear> gate_;
  Linear inner_;
  Linear outer_;
};

}  // namespace octavo
