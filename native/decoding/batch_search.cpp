#include "decoding/batch_search.h"

#include <algorithm>

#include "decoding/aligner.h"
#include "decoding/scorer.h"
#include "decoding/sentence_search.h"

namespace octavo {

namespace {

constexpr std::size_t kMostSourceTokens = 2048;  // encoder rows
// Newcomers are encoded together: they are let in when so many places are vacant, in parts of all places.
constexpr std::size_t kVacantParts = 4;

/// The sentences under way: their searches and their decoder rows.
class LiveBatch {
 public:
  LiveBatch(const Transformer& model, const Shortlist* shortlist, const SearchOptions& options,
            Workspace& workspace, DecoderCache& cache)
      : model_(model),
        shortlist_(shortlist),
        options_(options),
        workspace_(workspace),
        cache_(cache),
        places_(std::max<std::size_t>(1, model.kernels.stream_rows / static_cast<std::size_t>(options.beam))),
        scorer_(model, shortlist, 2 * options.beam),
        aligner_(options.alignment) {
    if (!options.alignment.empty()) workspace_.listener = &aligner_;
  }
  LiveBatch(const LiveBatch&) = delete;
  LiveBatch& operator=(const LiveBatch&) = delete;
  ~LiveBatch() { workspace_.listener = nullptr; }

  bool empty() const { return live_.empty(); }

  /// Fills vacant places from the queue.
  void admit(SentenceQueue& queue, const Sources& sources) {
    const std::size_t vacant = places_ - live_.size();
    if (vacant == 0 || (vacant < places_ / kVacantParts && !live_.empty())) return;
    const auto taken =
        queue.take(vacant, kMostSourceTokens, kMostCost - std::min(cost_, kMostCost), live_.empty());
    if (taken.empty()) return;
    const TransformerConfig& config = model_.config;
    PackedTokens source;
    for (const SentenceQueue::Sentence& sentence : taken) {
      source.add(sources.sentences[sentence.index], config.source_eos ? &config.eos_id : nullptr);
    }
    std::vector<SentenceRows> rows = model_.stacks->begin(source, workspace_, cache_);
    for (std::size_t i = 0; i < taken.size(); ++i) {
      live_.push_back(begin(taken[i], std::move(rows[i]), sources));
      Sentence& sentence = live_.back();
      if (shortlist_ != nullptr) {
        shortlist_->choose(sources.sentences[taken[i].index], sentence.search.watched(), sentence.candidates);
      }
      cost_ += taken[i].cost;
    }
  }

  /// Moves every search one step on and takes those that have ended out of the batch.
  void advance(std::vector<std::vector<Hypothesis>>& results) {
    rows_.clear();
    scored_.clear();
    for (Sentence& sentence : live_) {
      rows_.push_back(&sentence.rows);
      add_rows(sentence);
    }
    const ProductInput states = model_.stacks->step(rows_, workspace_);
    std::span<const Offer> offers = scorer_.score(states, scored_, workspace_);
    std::span<const Attention> attention = aligner_.end_step();
    for (Sentence& sentence : live_) {
      const std::size_t count = sentence.search.live().size();
      sentence.search.advance(offers.first(count), attention.first(std::min(count, attention.size())));
      offers = offers.subspan(count);
      attention = attention.subspan(std::min(count, attention.size()));
      if (sentence.search.done()) {
        results[sentence.origin.index] = sentence.search.results();
        cost_ -= sentence.origin.cost;
      } else {
        continuations_.clear();
        for (const auto& live : sentence.search.live()) continuations_.push_back({live.parent, live.token});
        sentence.rows.advance(continuations_);
      }
    }
    std::erase_if(live_, [](const Sentence& sentence) { return sentence.search.done(); });
  }

 private:
  struct Sentence {
    SentenceQueue::Sentence origin;
    SentenceRows rows;
    SentenceSearch search;
    Candidates candidates;  // none without a shortlist
  };

  Sentence begin(const SentenceQueue::Sentence& origin, SentenceRows rows, const Sources& sources) const {
    const std::span<const Term> terms = sources.terms_of(origin.index);
    std::optional<Terms> wanted;
    if (!terms.empty()) wanted.emplace(terms, sources.continuations);
    const TransformerConfig& config = model_.config;
    const int longest =
        longest_translation(options_, rows.source_length(), config.max_positions, longest_of(terms));
    return {origin, std::move(rows), SentenceSearch(options_, longest, config.eos_id, std::move(wanted)), {}};
  }

  void add_rows(const Sentence& sentence) {
    const SentenceSearch& search = sentence.search;
    const std::size_t count = search.live().size();
    ScoredRow row{.may_end = search.may_end(0), .candidates = &sentence.candidates};
    if (!search.hypotheses_differ()) {
      scored_.insert(scored_.end(), count, row);
      return;
    }
    row.watched = search.watched();
    for (std::size_t i = 0; i < count; ++i) {
      row.may_end = search.may_end(i);
      row.barred = search.barred(i);
      row.barred_set = search.barred_set(i);
      scored_.push_back(row);
    }
  }

  const Transformer& model_;
  const Shortlist* shortlist_;
  const SearchOptions& options_;
  Workspace& workspace_;
  DecoderCache& cache_;
  std::size_t places_;
  Scorer scorer_;
  std::vector<Sentence> live_;
  std::size_t cost_ = 0;             // of all of them
  std::vector<SentenceRows*> rows_;  // for each sentence
  std::vector<ScoredRow> scored_;    // for each row
  std::vector<Continuation> continuations_;
  Aligner aligner_;
};

}  // namespace

std::size_t BatchSearch::cost(const SearchOptions& options, int source_tokens, int max_positions,
                              std::span<const Term> terms) {
  const int longest = longest_translation(options, source_tokens, max_positions, longest_of(terms));
  const int live = SentenceSearch::most_live(options, !terms.empty());
  return static_cast<std::size_t>(source_tokens) +
         static_cast<std::size_t>(live) * static_cast<std::size_t>(longest);
}

void BatchSearch::run(SentenceQueue& queue, const Sources& sources, const SearchOptions& options,
                      const std::atomic<bool>& cancelled, Team& team,
                      std::vector<std::vector<Hypothesis>>& results) {
  const TeamAtWork at_work(workspace_, team);
  LiveBatch batch(model_, shortlist_, options, workspace_, cache_);
  while (!cancelled.load(std::memory_order_relaxed)) {
    batch.admit(queue, sources);
    if (batch.empty()) return;
    batch.advance(results);
  }
}

}  // namespace octavo
