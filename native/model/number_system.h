#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/decoder_cache.h"
#include "model/output_projection.h"
#include "model/packed_tokens.h"
#include "model/sublayer.h"

namespace octavo {

/// How a number system loads its parts, each as the configuration chooses. A name is the part's own, in the
/// plan and in its tensors' names, of a mixer that of its layer.
template <class Numbers>
concept LoadsLayers =
    requires(const LayerSource& source, const std::string& name, const std::vector<std::string>& readers,
             const typename Numbers::Rows::Site& site, DecoderCacheSize& cache) {
      { Numbers::load_embedding(source, name) } -> std::same_as<typename Numbers::Embedding>;
      { Numbers::Rows::load_norm(source, name) } -> std::same_as<typename Numbers::Rows::Norm>;
      { Numbers::Rows::load_site(source, name, readers) } -> std::same_as<typename Numbers::Rows::Site>;
      {
        Numbers::load_mixer(source, name, cache)
      } -> std::same_as<std::unique_ptr<const DecoderMixer<typename Numbers::Rows>>>;
      {
        Numbers::load_feed_forward(source, name)
      } -> std::same_as<std::unique_ptr<const FeedForward<typename Numbers::Rows>>>;
      { Numbers::load_output(source, site) } -> std::same_as<OutputProjection>;
    };

/// What relative positions add to the scores of a stack's self-attention, made once for all layers.
template <class Numbers>
concept HasRelativePositions =
    std::constructible_from<typename Numbers::RelativePositions, const LayerSource&, const std::string&> &&
    requires(const typename Numbers::RelativePositions& relative, const PackedTokens& source,
             std::span<SentenceRows* const> sentences, Workspace& workspace) {
      relative.prepare(source, workspace);
      relative.prepare(sentences, workspace);
    };

/// Puts into a job of self-attention what was made for a sentence, by its number in the batch. Attention that
/// takes no bias has none.
template <class Job>
void put_bias(Job& job, std::size_t sentence, const Workspace& workspace) {
  if constexpr (requires { job.bias; }) {
    if (!workspace.score_biases.empty()) job.bias = workspace.score_biases[sentence];
  }
}

/// How its attention runs. Its queries are made of rows at the first site, keys and values of rows at the
/// second.
template <class Numbers>
concept Attends =
    std::constructible_from<typename Numbers::Attention, const LayerSource&, const std::string&,
                            const typename Numbers::Rows::Site&, const typename Numbers::Rows::Site&> &&
    requires(const typename Numbers::Attention& attention, const typename Numbers::Rows::Target& add,
             const ProductInput& input, std::byte* const* pages, const std::uint8_t* positions, int rows,
             Workspace& workspace) {
      attention.layout();
      attention.keep_keys_values(input, pages, positions, workspace);
      attention.project_queries(input, workspace);
      attention.project_output(rows, add, workspace);
    };

/// The residual stream on its way through a stack: it ends a sublayer where it enters the next one.
template <class Numbers>
concept HasResidualStream =
    requires(typename Numbers::ResidualStream stream, const Sublayer<typename Numbers::Rows>& sublayer,
             const typename Numbers::Rows::Norm& norm, const typename Numbers::Rows::Site& site) {
      { stream.enter(sublayer) } -> std::same_as<ProductInput>;
      { stream.add() } -> std::same_as<typename Numbers::Rows::Target>;
      { stream.finish(norm, site) } -> std::same_as<ProductInput>;
    };

/// What the encoder and the decoder compute with: floats, or integers alone. The forward pass is written
/// once, over any of them.
template <class Numbers>
concept NumberSystem =
    LoadsLayers<Numbers> && HasRelativePositions<Numbers> && Attends<Numbers> && HasResidualStream<Numbers>;

}  // namespace octavo
