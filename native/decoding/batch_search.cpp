#include "decoding/batch_search.h"

#include <limits>

#include "decoding/sentence_search.h"

namespace octavo {

namespace {

constexpr int kLogitRows = 48;  // logits of so many rows at a time stay in cache

/// The searches of a batch and the decoder rows of their live hypotheses.
class LiveBatch {
 public:
  LiveBatch(const Transformer& model, const PackedTokens& source, const SearchOptions& options)
      : model_(model), offered_(2 * static_cast<std::size_t>(options.beam)) {
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
  void advance(Workspace& workspace) {
    score(workspace);
    next_.step = rows_.step + 1;
    next_.token.clear();
    next_.sentence.clear();
    next_.ancestry.clear();
    for (std::size_t row = 0; row < offers_.size();) {
      SentenceSearch& search = searches_[static_cast<std::size_t>(rows_.sentence[row])];
      const std::size_t count = search.live().size();
      search.advance({offers_.data() + row, count});
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
  void score(Workspace& workspace) {
    const auto rows = static_cast<std::size_t>(rows_.size());
    best_.resize(rows * offered_);
    offers_.resize(rows);
    const std::ptrdiff_t vocabulary = model_.config.target_vocab_size;
    for (int first = 0; first < rows_.size(); first += kLogitRows) {
      const int count = std::min(kLogitRows, rows_.size() - first);
      float* logits = model_.decoder.logits(first, count, workspace);
      for (int r = 0; r < count; ++r) score_row(static_cast<std::size_t>(first + r), logits + r * vocabulary);
    }
  }

  void score_row(std::size_t row, float* logits) {
    constexpr float kNever = -std::numeric_limits<float>::infinity();
    const int vocabulary = model_.config.target_vocab_size;
    const float log_sum_exp = model_.kernels.log_sum_exp(logits, vocabulary);
    for (const std::int32_t token : model_.config.suppressed_ids) logits[token] = kNever;
    if (!searches_[static_cast<std::size_t>(rows_.sentence[row])].end_is_allowed()) {
      logits[model_.config.eos_id] = kNever;
    }
    ScoredToken* best = best_.data() + row * offered_;
    const int wanted = std::min(static_cast<int>(offered_), vocabulary);
    const int found = model_.kernels.top_k(logits, vocabulary, wanted, best);
    offers_[row] = {{best, static_cast<std::size_t>(found)}, log_sum_exp};
  }

  void continue_row(std::size_t parent, std::int32_t token) {
    const auto step = static_cast<std::size_t>(rows_.step);
    const auto prefix = rows_.ancestry.begin() + static_cast<std::ptrdiff_t>(parent * step);
    next_.ancestry.insert(next_.ancestry.end(), prefix, prefix + rows_.step);
    next_.ancestry.push_back(static_cast<std::int32_t>(parent));
    next_.token.push_back(token);
    next_.sentence.push_back(rows_.sentence[parent]);
  }

  const Transformer& model_;
  std::size_t offered_;  // candidates of each row
  std::vector<SentenceSearch> searches_;
  DecoderRows rows_;
  DecoderRows next_;
  std::vector<ScoredToken> best_;  // [rows, offered_]
  std::vector<Offer> offers_;
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
    model_.decoder.step(batch.rows(), workspace_, cache_);
    batch.advance(workspace_);
  }
  return batch.results();
}

}  // namespace octavo
