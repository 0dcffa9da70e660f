#include "decoding/sampling.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "kernels/exponential.h"

namespace octavo {

namespace {

constexpr double kLeastTemperature = 0.01;
constexpr double kMostTemperature = 100;
constexpr std::ptrdiff_t kFirstSorted = 64;

}  // namespace

void check(const SamplingOptions& options) {
  const double t = options.temperature;
  if (!(t == 0 || (t >= kLeastTemperature && t <= kMostTemperature)))
    throw Error("temperature must be 0 or from 0.01 to 100");
  if (options.top_k < 0) throw Error("top_k must be 0 or more");
  if (!(options.top_p > 0 && options.top_p <= 1)) throw Error("top_p must be above 0 and at most 1");
}

Sampler::Sampler(SamplingOptions options, std::vector<std::int32_t> suppressed)
    : options_(options), suppressed_(std::move(suppressed)) {
  check(options_);
  factor_ = options_.temperature == 0 ? 0.0f : static_cast<float>(1.0 / options_.temperature);
  std::sort(suppressed_.begin(), suppressed_.end());
}

std::int32_t Sampler::choose(std::span<const float> logits, double uniform) {
  if (!(uniform >= 0 && uniform < 1)) throw Error("a uniform number must be from 0 to below 1");
  collect(logits);
  const auto best = std::min_element(candidates_.begin(), candidates_.end(), better);
  if (options_.temperature == 0) return best->token;
  const float largest = best->logit;
  keep_top_k();
  weigh(largest);
  keep_top_p();
  return draw(uniform);
}

void Sampler::collect(std::span<const float> logits) {
  candidates_.clear();
  auto skipped = suppressed_.begin();
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const auto token = static_cast<std::int32_t>(i);
    while (skipped != suppressed_.end() && *skipped < token) ++skipped;
    if (skipped != suppressed_.end() && *skipped == token) continue;
    if (!std::isfinite(logits[i]))
      throw Error("the model's scores are not finite; its weights may be damaged");
    candidates_.push_back({logits[i], token, 0});
  }
  if (candidates_.empty()) throw Error("every token is suppressed");
}

void Sampler::weigh(float largest) {
  for (Candidate& candidate : candidates_) {
    candidate.weight = static_cast<double>(exponential((candidate.logit - largest) * factor_));
  }
}

void Sampler::keep_top_k() {
  const auto kept = static_cast<std::size_t>(options_.top_k);
  if (kept == 0 || kept >= candidates_.size()) return;
  std::nth_element(candidates_.begin(), candidates_.begin() + options_.top_k, candidates_.end(), better);
  candidates_.resize(kept);
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
}

/// Sorts the best candidates alone, more and more of them: few are needed, as a rule.
void Sampler::keep_top_p() {
  if (options_.top_p == 1) return;
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  auto kept = candidates_.begin();
  auto sorted = candidates_.begin();
  std::ptrdiff_t more = kFirstSorted;
  double sum = 0;
  while (sum < options_.top_p * total && kept != candidates_.end()) {
    if (kept == sorted) {
      sorted += std::min(more, candidates_.end() - sorted);
      std::nth_element(kept, sorted, candidates_.end(), better);
      std::sort(kept, sorted, better);
      more *= 4;
    }
    sum += (kept++)->weight;
  }
  candidates_.erase(kept, candidates_.end());
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.token < b.token; });
}

std::int32_t Sampler::draw(double uniform) const {
  double total = 0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  double sum = 0;
  for (const Candidate& candidate : candidates_) {
    sum += candidate.weight;
    if (sum > uniform * total) return candidate.token;
  }
  return candidates_.back().token;
}

}  // namespace octavo
