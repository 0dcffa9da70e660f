#include "decoding/scorer.h"

#include <algorithm>
#include <limits>

#include "decoding/logits.h"

namespace octavo {

Scorer::Scorer(const Transformer& model, const Shortlist* shortlist)
    : model_(&model),
      shortlist_(shortlist),
      shared_output_(shortlist == nullptr ? &model.stacks->output() : &shortlist->common_output()),
      forbidden_(model.config.suppressed_ids),
      end_(model.config.eos_id) {
  if (shortlist == nullptr) return;
  const std::span<const std::int32_t> common = shortlist->common();
  const auto number = [&](std::int32_t token) {
    return static_cast<int>(std::lower_bound(common.begin(), common.end(), token) - common.begin());
  };
  std::erase_if(forbidden_,
                [&](int token) { return !std::binary_search(common.begin(), common.end(), token); });
  for (int& token : forbidden_) token = number(token);
  end_ = number(end_);
}

std::span<const Offer> Scorer::score(const ProductInput& states, std::span<const ScoredRow> rows,
                                     Workspace& workspace) {
  reserve(rows);
  add(*shared_output_, 0, states, 0, rows, workspace);
  if (shortlist_ != nullptr) score_own(states, rows, workspace);
  offers_.resize(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::span<ScoredToken> best = best_of(row);
    if (shortlist_ != nullptr) {  // numbers of candidates become token ids
      for (ScoredToken& scored : best) scored.token = token_of(scored.token, rows[row].candidates);
    }
    offers_[row] = {best,
                    log_sum_exp(model_->kernels, log_sums_.data() + row * most_chunks_, chunks_[row]),
                    {watched_.data() + watched_at_[row], rows[row].watched.size()}};
  }
  return offers_;
}

void Scorer::reserve(std::span<const ScoredRow> rows) {
  std::size_t own = 0;
  std::size_t watched = 0;
  std::size_t offered = 0;
  watched_at_.clear();
  best_at_.clear();
  for (const ScoredRow& row : rows) {
    if (shortlist_ != nullptr) own = std::max(own, chunk_count(row.candidates->output));
    watched_at_.push_back(watched);
    watched += row.watched.size();
    best_at_.push_back(offered);
    offered += row.offered;
  }
  watched_.resize(watched);
  most_chunks_ = chunk_count(*shared_output_) + own;
  best_.resize(offered);
  found_.assign(rows.size(), 0);
  log_sums_.resize(rows.size() * most_chunks_);
  chunks_.assign(rows.size(), 0);
}

/// Each sentence's own candidates, for its rows alone.
void Scorer::score_own(const ProductInput& states, std::span<const ScoredRow> rows, Workspace& workspace) {
  const int base = shared_output_->outputs();
  for (std::size_t first = 0, next = 0; first < rows.size(); first = next) {
    const Candidates* candidates = rows[first].candidates;
    while (next < rows.size() && rows[next].candidates == candidates) ++next;
    const ProductInput own = states.slice(static_cast<int>(first), static_cast<int>(next - first));
    add(candidates->output, base, own, first, rows, workspace);
  }
}

/// Scores the candidates of one output projection, numbered from `base` on. states[0] is row `first_row`.
void Scorer::add(const OutputProjection& output, int base, const ProductInput& states, std::size_t first_row,
                 std::span<const ScoredRow> rows, Workspace& workspace) {
  const auto added = static_cast<std::size_t>(states.rows);
  for_each_chunk(output, states, workspace, [&](int first, int count, const LogitRows& logits) {
    for (std::size_t i = 0; i < added; ++i) {
      const std::size_t row = first_row + i;
      LogitRow own = logits.row(i);
      if (!rows[row].penalized.empty()) penalize(rows[row], base + first, count, own);
      log_sums_[row * most_chunks_ + static_cast<std::size_t>(chunks_[row]++)] =
          model_->kernels.log_sum_exp(own.values, count, own.largest);
      if (!rows[row].watched.empty()) watch(row, rows[row], base + first, count, own);
      choose(row, rows[row], base + first, count, own);
    }
  });
}

/// Makes tokens that a row would repeat less likely, or more where the penalty is below 1.
void Scorer::penalize(const ScoredRow& asked, int first, int count, LogitRow& logits) const {
  for (const std::int32_t token : asked.penalized) {
    const int candidate = number_of(token, asked.candidates);
    if (candidate < first || candidate >= first + count) continue;
    float& logit = logits.values[candidate - first];
    logit = logit < 0 ? logit * asked.penalty : logit / asked.penalty;
  }
  logits.largest = model_->kernels.largest(logits.values, count);
}

/// Adds to a row's best candidates those of one chunk that may follow.
void Scorer::choose(std::size_t row, const ScoredRow& asked, int first, int count, const LogitRow& logits) {
  ScoredToken* best = best_.data() + best_at_[row];
  const bool full = found_[row] == static_cast<int>(asked.offered);
  if (full && logits.largest <= best[asked.offered - 1].logit) return;
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const auto forbid = [&](int candidate) {
    if (candidate >= first && candidate < first + count) logits.values[candidate - first] = kNever;
  };
  if (asked.suppressed == nullptr) {
    for (const int candidate : forbidden_) forbid(candidate);
  } else {
    for (const std::int32_t token : *asked.suppressed) forbid(number_of(token, asked.candidates));
  }
  if (!asked.may_end) forbid(end_);
  for (const std::int32_t token : asked.barred) forbid(number_of(token, asked.candidates));
  if (asked.barred_set != nullptr && !asked.barred_set->empty()) {
    for (int i = 0; i < count; ++i) {
      const auto token = static_cast<std::size_t>(token_of(first + i, asked.candidates));
      if ((*asked.barred_set)[token]) logits.values[i] = kNever;
    }
  }
  found_[row] =
      model_->kernels.top_k(logits.values, count, first, static_cast<int>(asked.offered), found_[row], best);
}

/// Keeps the logits of watched tokens in one chunk.
void Scorer::watch(std::size_t row, const ScoredRow& asked, int first, int count, const LogitRow& logits) {
  for (std::size_t i = 0; i < asked.watched.size(); ++i) {
    const int candidate = number_of(asked.watched[i], asked.candidates);
    if (candidate >= first && candidate < first + count)
      watched_[watched_at_[row] + i] = logits.values[candidate - first];
  }
}

/// The number of the candidate that is `token`; -1 where the row does not have it.
int Scorer::number_of(std::int32_t token, const Candidates* candidates) const {
  if (shortlist_ == nullptr) return token;
  const std::span<const std::int32_t> common = shortlist_->common();
  const auto shared = std::lower_bound(common.begin(), common.end(), token);
  if (shared != common.end() && *shared == token) return static_cast<int>(shared - common.begin());
  const auto own = std::lower_bound(candidates->ids.begin(), candidates->ids.end(), token);
  if (own == candidates->ids.end() || *own != token) return -1;
  return static_cast<int>(common.size()) + static_cast<int>(own - candidates->ids.begin());
}

std::int32_t Scorer::token_of(int candidate, const Candidates* candidates) const {
  if (shortlist_ == nullptr) return candidate;
  const std::span<const std::int32_t> common = shortlist_->common();
  const auto number = static_cast<std::size_t>(candidate);
  return number < common.size() ? common[number] : candidates->ids[number - common.size()];
}

std::span<ScoredToken> Scorer::best_of(std::size_t row) {
  return std::span(best_).subspan(best_at_[row], static_cast<std::size_t>(found_[row]));
}

}  // namespace octavo
