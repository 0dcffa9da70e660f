#include "decoding/batch_search.h"

#include <algorithm>
#include <iterator>

namespace octavo {

namespace {

constexpr std::size_t kMostSourceTokens = 2048;  // of newcomers, so that a step does not take too long
// Encoder rows at a time, unless a sentence is longer. Products are no faster with more, and the rows between
// them take memory.
constexpr std::size_t kMostEncoderRows = 128;
// Newcomers are encoded together: they are let in when so many rows are vacant, in parts of all rows.
constexpr std::size_t kVacantParts = 4;

}  // namespace

BatchSearch::BatchSearch(const Transformer& model, const Shortlist* shortlist,
                         const std::vector<AttentionHead>& heads)
    : model_(model),
      shortlist_(shortlist),
      workspace_(model.kernels),
      cache_(model.stacks->make_cache()),
      scorer_(model, shortlist),
      aligner_(heads) {
  live_.reserve(most_sentences());
  ended_.reserve(most_sentences());
}

Waiting BatchSearch::waiting(const TransformerConfig& config, const Request& request, std::size_t index) {
  const std::size_t length = request.sources[index].size() + (config.source_eos ? 1 : 0);
  const int longest = longest_translation(request.options, static_cast<int>(length), config.max_positions,
                                          request.demanded_tokens(index));
  const int live = SentenceSearch::most_live(request.options, !request.terms_of(index).empty());
  return {.index = index,
          .length = length,
          .rows = static_cast<std::size_t>(request.options.beam),
          .cost = length + static_cast<std::size_t>(live) * static_cast<std::size_t>(longest)};
}

Room BatchSearch::room(bool urgent) const {
  const std::size_t all = model_.stream_rows;
  const std::size_t vacant = all - std::min(all, places_);
  if (!is_empty() && !urgent && vacant < all / kVacantParts) return {};
  return {.rows = vacant,
          .length = kMostSourceTokens,
          .cost = kMostCost - std::min(kMostCost, cost_),
          .is_empty = is_empty()};
}

void BatchSearch::step(std::span<const Taken> newcomers, Team& team) noexcept {
  const TeamAtWork at_work(workspace_, team);
  try {
    if (!newcomers.empty()) admit(newcomers);
  } catch (...) {
    for (const Taken& taken : newcomers) fail(taken);
  }
  try {
    if (!live_.empty()) advance();
  } catch (...) {
    for (const Sentence& sentence : live_) {
      fail(sentence.origin);
      leave(sentence.origin.sentence);
    }
    live_.clear();
  }
}

/// Encodes the newcomers and begins their searches. Throws with nothing begun.
void BatchSearch::admit(std::span<const Taken> newcomers) {
  std::vector<SentenceRows> rows = encode(newcomers);
  for (std::size_t i = 0; i < newcomers.size(); ++i) {
    try {
      begin(newcomers[i], std::move(rows[i]));
    } catch (...) {
      fail(newcomers[i]);
    }
  }
}

/// Encodes the newcomers, some at a time.
std::vector<SentenceRows> BatchSearch::encode(std::span<const Taken> newcomers) {
  const TransformerConfig& config = model_.config;
  std::vector<SentenceRows> rows;
  for (std::size_t next = 0; next < newcomers.size();) {
    PackedTokens source;
    std::size_t length = 0;
    do {
      const Waiting& sentence = newcomers[next].sentence;
      source.add(newcomers[next].request->sources[sentence.index],
                 config.source_eos ? &config.eos_id : nullptr);
      length += sentence.length;
      ++next;
    } while (next < newcomers.size() && length + newcomers[next].sentence.length <= kMostEncoderRows);
    std::ranges::move(model_.stacks->begin(source, workspace_, cache_), std::back_inserter(rows));
  }
  return rows;
}

void BatchSearch::begin(const Taken& taken, SentenceRows rows) {
  const Request& request = *taken.request;
  const std::size_t index = taken.sentence.index;
  const std::span<const Term> terms = request.terms_of(index);
  std::optional<Terms> wanted;
  if (!terms.empty()) wanted.emplace(terms, request.continuations);
  const TransformerConfig& config = model_.config;
  const int longest = longest_translation(request.options, rows.source_length(), config.max_positions,
                                          request.demanded_tokens(index));
  SentenceSearch search(request.options, longest, config.eos_id, request.target_prefix_of(index),
                        std::move(wanted));
  Sentence sentence{taken, std::move(rows), std::move(search), {}};
  if (shortlist_ != nullptr)
    shortlist_->choose(request.sources[index], sentence.search.watched(), sentence.candidates);
  live_.push_back(std::move(sentence));
  places_ += taken.sentence.rows;
  cost_ += taken.sentence.cost;
}

/// Moves every search one step on and takes those that have ended out of the batch.
void BatchSearch::advance() {
  rows_.clear();
  scored_.clear();
  aligned_.clear();
  bool aligns = false;
  for (Sentence& sentence : live_) {
    rows_.push_back(&sentence.rows);
    add_rows(sentence);
    const bool wanted = sentence.origin.request->alignments;
    aligned_.resize(scored_.size(), wanted ? sentence.rows.source_length() : 0);
    aligns = aligns || wanted;
  }
  if (aligns) aligner_.begin_step(aligned_);
  workspace_.listener = aligns ? &aligner_ : nullptr;
  const ProductInput states = model_.stacks->step(rows_, workspace_);
  const std::span<const Offer> offers = scorer_.score(states, scored_, workspace_);
  std::size_t row = 0;
  std::erase_if(live_, [&](Sentence& sentence) {
    const std::size_t count = sentence.search.live().size();
    const bool heard = sentence.origin.request->alignments;
    const bool goes_on = advance(sentence, offers.subspan(row, count),
                                 heard ? aligner_.rows().subspan(row, count) : std::span<const Attention>());
    row += count;
    if (!goes_on) leave(sentence.origin.sentence);
    return !goes_on;
  });
}

void BatchSearch::add_rows(const Sentence& sentence) {
  const SentenceSearch& search = sentence.search;
  const std::size_t count = search.live().size();
  const SearchOptions& options = sentence.origin.request->options;
  ScoredRow row{.offered = 2 * static_cast<std::size_t>(options.beam),
                .may_end = search.may_end(0),
                .candidates = &sentence.candidates,
                .suppressed = options.suppressed_ids ? &*options.suppressed_ids : nullptr,
                .penalty = options.repetition_penalty};
  if (!search.hypotheses_differ()) {
    scored_.insert(scored_.end(), count, row);
    return;
  }
  row.watched = search.watched();
  for (std::size_t i = 0; i < count; ++i) {
    row.may_end = search.may_end(i);
    row.barred = search.barred(i);
    row.penalized = search.penalized(i);
    row.barred_set = search.barred_set(i);
    scored_.push_back(row);
  }
}

/// One step of one search. False: it has ended.
bool BatchSearch::advance(Sentence& sentence, std::span<const Offer> offers,
                          std::span<const Attention> attention) {
  const Taken& origin = sentence.origin;
  try {
    sentence.search.advance(offers, attention);
    if (sentence.search.done()) {
      ended_.push_back({origin.request, origin.sentence.index, {sentence.search.results(), nullptr}});
      return false;
    }
    continuations_.clear();
    for (const auto& live : sentence.search.live()) continuations_.push_back({live.parent, live.token});
    sentence.rows.advance(continuations_);
    return true;
  } catch (...) {
    fail(origin);
    return false;
  }
}

/// The exception that is being handled is the outcome of a sentence.
void BatchSearch::fail(const Taken& taken) {
  ended_.push_back({taken.request, taken.sentence.index, {{}, std::current_exception()}});
}

void BatchSearch::leave(const Waiting& sentence) {
  places_ -= sentence.rows;
  cost_ -= sentence.cost;
}

}  // namespace octavo
