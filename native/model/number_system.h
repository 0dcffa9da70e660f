#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/output_projection.h"
#include "ops/float/plan.h"
#include "ops/matrix.h"
#include "ops/products.h"
#include "ops/workspace.h"

namespace octavo {

/// What every layer is built from. Float stacks without a plan run in float32; integer ones have none.
struct LayerSource {
  Weights& weights;
  const KernelTable& kernels;
  const TransformerConfig& config;
  const QuantizationPlan* plan = nullptr;
  float logit_step = 1;  // integer stacks: what an integer logit of 1 stands for
};

/// How a number system loads its parts. A name is the part's own, in the plan and in its tensors' names;
/// `memory` is the site of the encoder's output.
template <class Numbers>
concept LoadsLayers =
    requires(const LayerSource& source, const std::string& name, const std::vector<std::string>& readers,
             const typename Numbers::Site& memory) {
      { Numbers::load_embedding(source, name) } -> std::same_as<typename Numbers::Embedding>;
      { Numbers::load_norm(source, name) } -> std::same_as<typename Numbers::Norm>;
      { Numbers::load_site(source, name, readers) } -> std::same_as<typename Numbers::Site>;
      { Numbers::load_output(source, memory) } -> std::same_as<OutputProjection>;
      { Numbers::Attention::load_self(source, name) } -> std::same_as<typename Numbers::Attention>;
      { Numbers::Attention::load_cross(source, name, memory) } -> std::same_as<typename Numbers::Attention>;
      { Numbers::FeedForward::load(source, name) } -> std::same_as<typename Numbers::FeedForward>;
    };

/// How its sublayers run: each adds to the residual stream through a Target.
template <class Numbers>
concept RunsLayers =
    requires(const typename Numbers::Embedding& embedding, const typename Numbers::Attention& attention,
             const typename Numbers::FeedForward& feed_forward, const typename Numbers::Target& add,
             std::span<const std::int32_t> tokens, const ProductInput& input, std::byte* const* pages,
             const std::uint8_t* positions, int rows, Workspace& workspace) {
      embedding.embed(tokens, tokens, workspace);
      attention.layout();
      attention.keep_keys_values(input, pages, positions, workspace);
      attention.project_queries(input, workspace);
      attention.project_output(rows, add, workspace);
      feed_forward.apply(input, add, workspace);
    };

/// How the residual stream enters a sublayer, at the site that its products read, and leaves it.
template <class Numbers>
concept HasResidualStream = requires(typename Numbers::ResidualStream stream, const std::string& name,
                                     const typename Numbers::Norm& norm, const typename Numbers::Site& site) {
  { stream.enter(norm, site) } -> std::same_as<ProductInput>;
  { stream.add() } -> std::same_as<typename Numbers::Target>;
  stream.leave(name, norm, site);
};

/// What the encoder and the decoder compute with: floats, or integers alone. The forward pass is written
/// once, over any of them.
template <class Numbers>
concept NumberSystem = LoadsLayers<Numbers> && RunsLayers<Numbers> && HasResidualStream<Numbers>;

}  // namespace octavo
