#include "decoding/batch_search.h"

#include "decoding/scorer.h"

namespace octavo {

namespace {

/// The searches of a batch and the decoder rows of their live hypotheses.
class LiveBatch {
 public:
  LiveBatch(const Transformer& model, const PackedTokens& source, const SearchOptions& options)
      : scorer_(model, 2 * options.beam) {
    for (int s = 0; s < source.sentences(); ++s) {
      const int longest = longest_translation(options, source.length(s), model.config.max_positions);
      searches_.emplace_back(options, longest, model.config.eos_id);
      rows_.token.push_back(model.config.decoder_start_id);
      rows_.sentence.push_back(s);
    }
  }

  bool done() const { return rows_.size() == 0; }
  const DecoderRows& rows() const { return rows_; }

  /// Scores what the decoder left in the workspace and moves every search one step on.
  void advance(const ProductInput& states, Workspace& workspace) {
    may_end_.clear();
    for (const int sentence : rows_.sentence) {
      may_end_.push_back(searches_[static_cast<std::size_t>(sentence)].end_is_allowed() ? 1 : 0);
    }
    const std::span<const Offer> offers = scorer_.score(states, may_end_, workspace);
    next_.step = rows_.step + 1;
    next_.token.clear();
    next_.sentence.clear();
    next_.ancestry.clear();
    for (std::size_t row = 0; row < offers.size();) {
      SentenceSearch& search = searches_[static_cast<std::size_t>(rows_.sentence[row])];
      const std::size_t count = search.live().size();
      search.advance(offers.subspan(row, count));
      for (const SentenceSearch::Live& live : search.live()) {
        continue_row(row + static_cast<std::size_t>(live.parent), live.token);
      }
      row += count;
    }
    std::swap(rows_, next_);
  }

  std::vector<std::vector<Hypothesis>> results() const {
    std::vector<std::vector<Hypothesis>> results;
    for (const SentenceSearch& search : searches_) results.push_back(search.results());
    return results;
  }

 private:
  void continue_row(std::size_t parent, std::int32_t token) {
    const auto step = static_cast<std::size_t>(rows_.step);
    const auto prefix = rows_.ancestry.begin() + static_cast<std::ptrdiff_t>(parent * step);
    next_.ancestry.insert(next_.ancestry.end(), prefix, prefix + rows_.step);
    next_.ancestry.push_back(static_cast<std::int32_t>(parent));
    next_.token.push_back(token);
    next_.sentence.push_back(rows_.sentence[parent]);
  }

  Scorer scorer_;
  std::vector<SentenceSearch> searches_;
  std::vector<std::uint8_t> may_end_;  // for each row
  DecoderRows rows_;
  DecoderRows next_;
};

}  // namespace

std::vector<std::vector<Hypothesis>> BatchSearch::run(
    const std::vector<const std::vector<std::int32_t>*>& sources, const SearchOptions& options,
    const std::atomic<bool>& cancelled) {
  PackedTokens source;
  for (const auto* tokens : sources)
    source.add(*tokens, model_.config.source_eos ? &model_.config.eos_id : nullptr);
  model_.encoder.forward(source, workspace_);
  model_.decoder.begin(source, workspace_, cache_);
  LiveBatch batch(model_, source, options);
  while (!batch.done()) {
    if (cancelled.load(std::memory_order_relaxed))
      return std::vector<std::vector<Hypothesis>>(sources.size());
    batch.advance(model_.decoder.step(batch.rows(), workspace_, cache_), workspace_);
  }
  return batch.results();
}

}  // namespace octavo
