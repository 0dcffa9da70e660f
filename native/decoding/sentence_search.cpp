#include "decoding/sentence_search.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"

namespace octavo {

namespace {

constexpr std::int32_t kRoot = -1;

}  // namespace

SentenceSearch::SentenceSearch(const SearchOptions& options, int longest, std::int32_t eos_id)
    : options_(options), longest_(longest), eos_id_(eos_id), live_{{0.0f, kRoot, 0, 0}} {}

void SentenceSearch::collect(std::span<const Offer> offers) {
  candidates_.clear();
  for (std::size_t i = 0; i < offers.size(); ++i) {
    for (const ScoredToken& best : offers[i].best) {
      const float sum = live_[i].sum + std::min(best.logit - offers[i].log_sum_exp, 0.0f);
      if (std::isfinite(sum)) candidates_.push_back({sum, static_cast<int>(i), best.token});
    }
  }
  if (candidates_.empty()) throw Error("the model's scores are not finite; its weights may be damaged");
  const auto kept = std::min(candidates_.size(), 2 * static_cast<std::size_t>(options_.beam));
  const auto better = [](const Candidate& a, const Candidate& b) {
    if (a.sum != b.sum) return a.sum > b.sum;
    return a.hypothesis != b.hypothesis ? a.hypothesis < b.hypothesis : a.token < b.token;
  };
  std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(kept),
                    candidates_.end(), better);
  candidates_.resize(kept);
}

void SentenceSearch::advance(std::span<const Offer> offers) {
  collect(offers);
  ++length_;
  next_.clear();
  const auto beam = static_cast<std::size_t>(options_.beam);
  for (std::size_t rank = 0; rank < candidates_.size() && next_.size() < beam; ++rank) {
    const Candidate& candidate = candidates_[rank];
    const Live& prefix = live_[static_cast<std::size_t>(candidate.hypothesis)];
    if (candidate.token == eos_id_) {
      if (rank < beam) {
        finished_.push_back(
            {candidate.sum / length_divisor(length_, options_.length_penalty), prefix.node, true});
      }
      continue;
    }
    nodes_.push_back({prefix.node, candidate.token});
    next_.push_back(
        {candidate.sum, static_cast<std::int32_t>(nodes_.size()) - 1, candidate.hypothesis, candidate.token});
  }
  live_.swap(next_);
  settle();
}

void SentenceSearch::settle() {
  if (finished_.size() >= static_cast<std::size_t>(options_.beam) || live_.empty() || no_better_can_come()) {
    done_ = true;
  } else if (length_ >= longest_) {
    const float divisor = length_divisor(length_, options_.length_penalty);
    for (const Live& live : live_) finished_.push_back({live.sum / divisor, live.node, false});
    done_ = true;
  }
  if (done_) live_.clear();
}

bool SentenceSearch::no_better_can_come() const {
  const auto wanted = static_cast<std::size_t>(options_.nbest);
  if (finished_.size() < wanted) return false;
  float best_sum = live_.front().sum;
  for (const Live& live : live_) best_sum = std::max(best_sum, live.sum);
  const float bound = best_sum / length_divisor(longest_, options_.length_penalty);
  const auto as_good = [&](const Finished& finished) { return finished.score >= bound; };
  return static_cast<std::size_t>(std::count_if(finished_.begin(), finished_.end(), as_good)) >= wanted;
}

std::vector<Hypothesis> SentenceSearch::results() const {
  std::vector<Finished> ranked = finished_;
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Finished& a, const Finished& b) { return a.score > b.score; });
  if (ranked.size() > static_cast<std::size_t>(options_.nbest))
    ranked.resize(static_cast<std::size_t>(options_.nbest));
  std::vector<Hypothesis> results;
  for (const Finished& finished : ranked) {
    Hypothesis hypothesis{.tokens = {}, .score = finished.score, .complete = finished.complete};
    for (std::int32_t node = finished.node; node != kRoot;
         node = nodes_[static_cast<std::size_t>(node)].parent) {
      hypothesis.tokens.push_back(nodes_[static_cast<std::size_t>(node)].token);
    }
    std::reverse(hypothesis.tokens.begin(), hypothesis.tokens.end());
    results.push_back(std::move(hypothesis));
  }
  return results;
}

}  // namespace octavo
