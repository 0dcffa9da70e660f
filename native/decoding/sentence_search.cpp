#include "decoding/sentence_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/errors.h"

namespace octavo {

namespace {

constexpr std::int32_t kRoot = -1;

}  // namespace

SentenceSearch::SentenceSearch(const SearchOptions& options, int longest, std::int32_t eos_id,
                               std::span<const std::int32_t> prefix, std::optional<Terms> terms)
    : options_(options),
      longest_(longest),
      eos_id_(eos_id),
      prefix_(prefix),
      live_{{0.0f, kRoot, 0, 0}},
      terms_(std::move(terms)) {
  if (!terms_) return;
  progress_.resize(1);
  missing_.push_back(terms_->missing(progress_.front()));
}

void SentenceSearch::collect(std::span<const Offer> offers) {
  candidates_.clear();
  for (std::size_t i = 0; i < offers.size(); ++i) {
    for (const ScoredToken& best : offers[i].best) {
      const float sum = live_[i].sum + std::min(best.logit - offers[i].log_sum_exp, 0.0f);
      if (std::isfinite(sum)) candidates_.push_back({sum, static_cast<int>(i), best.token});
    }
  }
  const auto kept = std::min(candidates_.size(), 2 * static_cast<std::size_t>(options_.beam));
  const auto better = [](const Candidate& a, const Candidate& b) {
    if (a.sum != b.sum) return a.sum > b.sum;
    return a.hypothesis != b.hypothesis ? a.hypothesis < b.hypothesis : a.token < b.token;
  };
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(kept),
                    candidates_.end(), better);
  candidates_.resize(kept);
}

void SentenceSearch::advance(std::span<const Offer> offers, std::span<const Attention> attention) {
  rows_attention_ = attention;
  next_.clear();
  if (in_prefix()) {
    force();
  } else if (!choose(offers)) {
    cut();  // every token would repeat something
    return;
  }
  live_.swap(next_);
  settle();
  if (heeds_repeats()) heed_repeats();
}

/// The only live hypothesis goes on with the next token of the prefix, at no cost.
void SentenceSearch::force() {
  const std::int32_t token = prefix_[static_cast<std::size_t>(length_)];
  go_on({live_.front().sum, 0, token});
  ++length_;
  if (!terms_) return;
  progress_.front() = terms_->after(progress_.front(), token);
  missing_.front() = terms_->missing(progress_.front());
}

/// Chooses which hypotheses go on. False: none may.
bool SentenceSearch::choose(std::span<const Offer> offers) {
  if (terms_) {
    collect_with_terms(offers);
  } else {
    collect(offers);
  }
  if (candidates_.empty() && term_candidates_.empty()) {
    const auto scored = [](const Offer& offer) { return std::isfinite(offer.log_sum_exp); };
    if (options_.no_repeat_ngram == 0 || length_ == 0 || std::none_of(offers.begin(), offers.end(), scored))
      throw Error("the model's scores are not finite; its weights may be damaged");
    return false;
  }
  ++length_;
  if (terms_) {
    walk_banks();
  } else {
    walk();
  }
  return true;
}

void SentenceSearch::walk() {
  const std::size_t places = places_left();
  const std::size_t last = options_.stop == Stop::shrinking ? places : candidates_.size();
  for (std::size_t rank = 0; rank < std::min(candidates_.size(), last) && next_.size() < places; ++rank) {
    if (candidates_[rank].token != eos_id_) {
      go_on(candidates_[rank]);
    } else if (rank < places) {
      finish(live_[static_cast<std::size_t>(candidates_[rank].hypothesis)].node, candidates_[rank].sum, true);
    }
  }
}

/// Hypotheses that may go on or end in this step.
std::size_t SentenceSearch::places_left() const {
  const auto beam = static_cast<std::size_t>(options_.beam);
  if (options_.stop != Stop::shrinking) return beam;
  return beam - std::min(finished_.size(), beam - 1);  // with terms more than the beam may end
}

void SentenceSearch::finish(std::int32_t node, float sum, bool complete) {
  const float reached = hypothesis_score(options_, sum, length_);
  finished_.push_back({reached, terms_ ? free_score(node, sum, complete, 0) : reached, node, complete});
}

void SentenceSearch::go_on(const Candidate& candidate) {
  const auto row = static_cast<std::size_t>(candidate.hypothesis);
  nodes_.push_back({live_[row].node, candidate.token});
  if (!rows_attention_.empty())
    attention_.insert(attention_.end(), rows_attention_[row].begin(), rows_attention_[row].end());
  if (terms_) node_sums_.push_back(candidate.sum);
  next_.push_back(
      {candidate.sum, static_cast<std::int32_t>(nodes_.size()) - 1, candidate.hypothesis, candidate.token});
}

void SentenceSearch::settle() {
  if (enough_finished() || live_.empty() || no_better_can_come()) {
    done_ = true;
    live_.clear();
  } else if (length_ >= longest_) {
    cut();
  }
}

bool SentenceSearch::enough_finished() const {
  if (finished_.size() < static_cast<std::size_t>(options_.beam)) return false;
  if (options_.beam > 1 && options_.stop == Stop::exhaustive) return false;
  if (options_.beam > 1 && options_.stop == Stop::heuristic && !better_is_unlikely()) return false;
  return !(terms_ && unmet_may_win());
}

/// Whether the best live hypothesis, ended now, would score no more than `beam` that have finished.
bool SentenceSearch::better_is_unlikely() const {
  float best = -std::numeric_limits<float>::infinity();
  for (const Live& live : live_) best = std::max(best, hypothesis_score(options_, live.sum, length_));
  const auto as_good = [&](const Finished& finished) { return finished.score >= best; };
  return std::count_if(finished_.begin(), finished_.end(), as_good) >= options_.beam;
}

/// Ends the search with the live hypotheses as they are.
void SentenceSearch::cut() {
  for (const Live& live : live_) finish(live.node, live.sum, false);
  done_ = true;
  live_.clear();
}

bool SentenceSearch::no_better_can_come() const {
  const auto wanted = static_cast<std::size_t>(options_.nbest);
  if (finished_.size() < wanted) return false;
  float best_sum = live_.front().sum;
  for (const Live& live : live_) best_sum = std::max(best_sum, live.sum);
  float bound = hypothesis_score(options_, best_sum, longest_);
  if (options_.word_penalty != 0.0f) {  // else the longest is the best
    for (int length = length_ + 1; length < longest_; ++length)
      bound = std::max(bound, hypothesis_score(options_, best_sum, length));
  }
  const auto as_good = [&](const Finished& finished) { return finished.score >= bound; };
  return static_cast<std::size_t>(std::count_if(finished_.begin(), finished_.end(), as_good)) >= wanted;
}

/// What each live hypothesis may not, or had better not, repeat.
void SentenceSearch::heed_repeats() {
  if (options_.no_repeat_ngram > 0) barred_.resize(live_.size());
  if (options_.repetition_penalty != 1.0f) penalized_.resize(live_.size());
  std::vector<std::int32_t> tokens;  // the last one first
  for (std::size_t i = 0; i < live_.size(); ++i) {
    tokens.clear();
    for (std::int32_t node = live_[i].node; node != kRoot;
         node = nodes_[static_cast<std::size_t>(node)].parent) {
      tokens.push_back(nodes_[static_cast<std::size_t>(node)].token);
    }
    if (options_.no_repeat_ngram > 0) bar_repeats(tokens, barred_[i]);
    if (options_.repetition_penalty == 1.0f) continue;
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    penalized_[i] = tokens;
  }
}

/// A token is barred where the last no_repeat_ngram - 1 tokens and it already stand in the hypothesis, whose
/// last token comes first.
void SentenceSearch::bar_repeats(std::span<const std::int32_t> tokens,
                                 std::vector<std::int32_t>& barred) const {
  const auto kept = static_cast<std::size_t>(options_.no_repeat_ngram) - 1;
  barred.clear();
  const auto last = tokens.first(std::min(kept, tokens.size()));
  for (std::size_t before = 1; before + kept <= tokens.size(); ++before) {
    if (std::equal(last.begin(), last.end(), tokens.begin() + static_cast<std::ptrdiff_t>(before)))
      barred.push_back(tokens[before - 1]);
  }
}

std::vector<Hypothesis> SentenceSearch::results() const {
  std::vector<Finished> ranked = finished_;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Finished& a, const Finished& b) { return a.score > b.score; });
  if (ranked.size() > static_cast<std::size_t>(options_.nbest))
    ranked.resize(static_cast<std::size_t>(options_.nbest));
  std::vector<Hypothesis> results;
  for (const Finished& finished : ranked) {
    Hypothesis hypothesis{
        .tokens = {}, .attention = {}, .score = finished.score, .complete = finished.complete};
    std::vector<std::size_t> path;  // from the last node to the first
    for (std::int32_t node = finished.node; node != kRoot;
         node = nodes_[static_cast<std::size_t>(node)].parent) {
      path.push_back(static_cast<std::size_t>(node));
    }
    const std::size_t positions = attention_.size() / std::max<std::size_t>(1, nodes_.size());
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
      hypothesis.tokens.push_back(nodes_[*at].token);
      const auto row = attention_.begin() + static_cast<std::ptrdiff_t>(*at * positions);
      hypothesis.attention.insert(hypothesis.attention.end(), row,
                                  row + static_cast<std::ptrdiff_t>(positions));
    }
    results.push_back(std::move(hypothesis));
  }
  return results;
}

}  // namespace octavo
