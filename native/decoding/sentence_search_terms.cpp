#include <algorithm>
#include <cmath>

#include "decoding/sentence_search.h"

namespace octavo {

namespace {

/// Live hypotheses of one bank, but for the bank of those that miss nothing.
int bank_width(const SearchOptions& options) { return std::max(1, options.beam / 2); }

/// Live hypotheses that miss something.
int most_missing(const SearchOptions& options) { return std::max(16, 2 * options.beam); }

}  // namespace

int SentenceSearch::most_live(const SearchOptions& options, bool has_terms) {
  return options.beam + (has_terms ? most_missing(options) : 0);
}

/// What every hypothesis offers, and the tokens that bring it nearer to its terms.
void SentenceSearch::collect_with_terms(std::span<const Offer> offers) {
  term_candidates_.clear();
  const std::vector<std::int32_t>& watched = terms_->tokens();
  for (std::size_t i = 0; i < offers.size(); ++i) {
    const auto offer = [&](std::int32_t token, float logit) {
      const float sum = live_[i].sum + std::min(logit - offers[i].log_sum_exp, 0.0f);
      if (std::isfinite(sum)) offer_with_terms({sum, static_cast<int>(i), token});
    };
    terms_->choose_wanted(progress_[i], wanted_);
    for (const ScoredToken& best : offers[i].best) {
      if (!std::binary_search(wanted_.begin(), wanted_.end(), best.token)) offer(best.token, best.logit);
    }
    for (const std::int32_t token : wanted_) {
      const auto place = std::lower_bound(watched.begin(), watched.end(), token) - watched.begin();
      offer(token, offers[i].watched[static_cast<std::size_t>(place)]);
    }
  }
  drop_those_without_room();
  std::sort(term_candidates_.begin(), term_candidates_.end(), [](const auto& a, const auto& b) {
    if (a.missing != b.missing) return a.missing < b.missing;
    if (a.candidate.sum != b.candidate.sum) return a.candidate.sum > b.candidate.sum;
    return a.candidate.hypothesis != b.candidate.hypothesis ? a.candidate.hypothesis < b.candidate.hypothesis
                                                            : a.candidate.token < b.candidate.token;
  });
}

void SentenceSearch::offer_with_terms(const Candidate& candidate) {
  if (candidate.token == eos_id_) {
    term_candidates_.push_back({candidate, 0, {}});
    return;
  }
  const TermProgress& before = progress_[static_cast<std::size_t>(candidate.hypothesis)];
  const TermProgress progress = terms_->after(before, candidate.token);
  term_candidates_.push_back({candidate, terms_->missing(progress), progress});
}

/// Drops what would be too long to meet every term and end, unless everything would be.
void SentenceSearch::drop_those_without_room() {
  const int room = longest_ - (length_ + 1) - 1;
  const auto fits = [&](const TermCandidate& one) { return one.missing == 0 || one.missing <= room; };
  if (std::any_of(term_candidates_.begin(), term_candidates_.end(), fits))
    std::erase_if(term_candidates_, [&](const TermCandidate& one) { return !fits(one); });
}

/// The candidates that miss equally many tokens are a bank. Every bank keeps its best.
void SentenceSearch::walk_banks() {
  kept_.clear();
  const std::size_t count = term_candidates_.size();
  for (std::size_t first = 0, end = 0; first < count; first = end) {
    end = first + 1;
    while (end < count && term_candidates_[end].missing == term_candidates_[first].missing) ++end;
    keep_best_of_bank(first, end);
  }
  next_progress_.clear();
  next_missing_.clear();
  for (const std::size_t kept : kept_) {
    const TermCandidate& one = term_candidates_[kept];
    go_on(one.candidate);
    next_progress_.push_back(one.progress);
    next_missing_.push_back(one.missing);
  }
  progress_.swap(next_progress_);
  missing_.swap(next_missing_);
}

void SentenceSearch::keep_best_of_bank(std::size_t first, std::size_t end) {
  const bool is_last = end == term_candidates_.size();
  const bool all_met = term_candidates_[first].missing == 0;
  const auto beam = static_cast<std::size_t>(options_.beam);
  const std::size_t places = places_left();
  const std::size_t width = all_met ? places : static_cast<std::size_t>(bank_width(options_));
  const auto most = static_cast<std::size_t>(most_live(options_, true));
  const std::size_t nearer = kept_.size();  // of banks that miss fewer tokens
  std::size_t kept = 0;
  if (all_met && options_.stop == Stop::shrinking) end = std::min(end, first + places);
  for (std::size_t i = first; i < end && kept < width; ++i) {
    const Candidate& candidate = term_candidates_[i].candidate;
    if (candidate.token == eos_id_) {
      if (i - first < places)
        finish(live_[static_cast<std::size_t>(candidate.hypothesis)].node, candidate.sum, true);
      continue;
    }
    const auto better = [&](std::size_t other) {
      return term_candidates_[other].candidate.sum >= candidate.sum;
    };
    const auto end_of_nearer = kept_.begin() + static_cast<std::ptrdiff_t>(nearer);
    if (static_cast<std::size_t>(std::count_if(kept_.begin(), end_of_nearer, better)) >= beam) break;
    if (kept_.size() + (is_last ? 0 : 1) >= most) break;
    kept_.push_back(i);
    ++kept;
  }
}

/// The score without the tokens of terms and the last `begun` ones.
float SentenceSearch::free_score(std::int32_t node, float sum, bool complete, std::size_t begun) const {
  std::vector<std::int32_t> tokens;  // the last one first
  std::vector<float> sums;
  for (; node >= 0; node = nodes_[static_cast<std::size_t>(node)].parent) {
    tokens.push_back(nodes_[static_cast<std::size_t>(node)].token);
    sums.push_back(node_sums_[static_cast<std::size_t>(node)]);
  }
  std::reverse(tokens.begin(), tokens.end());
  std::reverse(sums.begin(), sums.end());
  std::vector<bool> marks = terms_->marked(tokens);
  std::fill_n(marks.rbegin(), begun, true);
  float free = 0;
  float before = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (!marks[i]) free += sums[i] - before;
    before = sums[i];
  }
  if (complete) free += sum - before;
  return hypothesis_score(options_, free, length_);
}

/// Whether a hypothesis that misses something scores better so far than the worst result, both without terms:
/// what these cost is unknown.
bool SentenceSearch::unmet_may_win() const {
  std::vector<Finished> ranked = finished_;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Finished& a, const Finished& b) { return a.score > b.score; });
  const float worst = ranked[static_cast<std::size_t>(options_.nbest) - 1].free_score;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const auto begun = static_cast<std::size_t>(progress_[i].length);
    if (missing_[i] > 0 && free_score(live_[i].node, live_[i].sum, false, begun) > worst) return true;
  }
  return false;
}

}  // namespace octavo
