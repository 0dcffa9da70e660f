#include "decoding/batch_search.h"

#include <algorithm>
#include <limits>

#include "decoding/sentence_search.h"

namespace octavo {

namespace {

constexpr int kChunk = 512;  // tokens whose logits are made, reduced and dropped together; docs/numerics.md
static_assert(kChunk % Linear::kOutputGroup == 0);

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
  void advance(const ProductInput& states, Workspace& workspace) {
    score(states, workspace);
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
  /// Every row's best tokens and log-sum-exp, chunk by chunk of the vocabulary.
  void score(const ProductInput& states, Workspace& workspace) {
    const auto rows = static_cast<std::size_t>(rows_.size());
    const int vocabulary = model_.config.target_vocab_size;
    const auto chunks = static_cast<std::size_t>((vocabulary + kChunk - 1) / kChunk);
    best_.resize(rows * offered_);
    found_.assign(rows, 0);
    log_sums_.resize(rows * chunks);
    float* logits = workspace.logits.ensure(rows * kChunk);
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
      const int first = static_cast<int>(chunk) * kChunk;
      const int count = std::min(kChunk, vocabulary - first);
      model_.decoder.logits(states, first, count, logits, workspace);
      for (std::size_t row = 0; row < rows; ++row) {
        float* own = logits + row * static_cast<std::size_t>(count);
        log_sums_[row * chunks + chunk] = model_.kernels.log_sum_exp(own, count);
        choose(row, first, count, own);
      }
    }
    offers_.resize(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const float* sums = log_sums_.data() + row * chunks;
      offers_[row] = {{best_.data() + row * offered_, static_cast<std::size_t>(found_[row])},
                      model_.kernels.log_sum_exp(sums, static_cast<int>(chunks))};
    }
  }

  /// Adds to a row's best tokens those of one chunk that may follow.
  void choose(std::size_t row, int first, int count, float* logits) {
    constexpr float kNever = -std::numeric_limits<float>::infinity();
    const auto forbid = [&](std::int32_t token) {
      if (token >= first && token < first + count) logits[token - first] = kNever;
    };
    for (const std::int32_t token : model_.config.suppressed_ids) forbid(token);
    if (!searches_[static_cast<std::size_t>(rows_.sentence[row])].end_is_allowed()) {
      forbid(model_.config.eos_id);
    }
    found_[row] = model_.kernels.top_k(logits, count, first, static_cast<int>(offered_), found_[row],
                                       best_.data() + row * offered_);
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
  std::vector<int> found_;         // [rows]
  std::vector<float> log_sums_;    // [rows, chunks]
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
    batch.advance(model_.decoder.step(batch.rows(), workspace_, cache_), workspace_);
  }
  return batch.results();
}

}  // namespace octavo
