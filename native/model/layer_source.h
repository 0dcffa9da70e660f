#pragma once

#include "model/config.h"
#include "ops/float/plan.h"
#include "ops/matrix.h"

namespace octavo {

/// What every layer is built from. Float stacks without a plan run in float32; integer ones have none.
struct LayerSource {
  Weights& weights;
  const KernelTable& kernels;
  const TransformerConfig& config;
  const QuantizationPlan* plan = nullptr;
  float logit_step = 1;  // integer stacks: what an integer logit of 1 stands for
};

}  // namespace octavo
