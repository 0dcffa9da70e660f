#pragma once

#include <string>

#include "model/integer/rows.h"
#include "model/sublayer.h"

namespace octavo {

/// outer(relu(inner(x))).
class IntegerFeedForward : public FeedForward<IntegerRows> {
 public:
  IntegerFeedForward(const LayerSource& source, const std::string& name);

  void apply(const ProductInput& input, const IntegerTarget& add, Workspace& workspace) const override;

 private:
  IntegerSite hidden_;
  IntegerLinear inner_;
  IntegerLinear outer_;
};

}  // namespace octavo
