#include "decoding/scorer.h"

#include <algorithm>
#include <limits>

namespace octavo {

namespace {

constexpr int kChunk = 512;  // tokens whose logits are made, reduced and dropped together; docs/numerics.md
static_assert(kChunk % Linear::kOutputGroup == 0);

}  // namespace

Scorer::Scorer(const Transformer& model, int offered)
    : model_(&model), offered_(static_cast<std::size_t>(offered)) {}

std::span<const Offer> Scorer::score(const ProductInput& states, std::span<const std::uint8_t> may_end,
                                     Workspace& workspace) {
  const auto rows = static_cast<std::size_t>(states.rows);
  const int vocabulary = model_->config.target_vocab_size;
  const auto chunks = static_cast<std::size_t>((vocabulary + kChunk - 1) / kChunk);
  best_.resize(rows * offered_);
  found_.assign(rows, 0);
  log_sums_.resize(rows * chunks);
  float* logits = workspace.logits.ensure(rows * kChunk);
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    const int first = static_cast<int>(chunk) * kChunk;
    const int count = std::min(kChunk, vocabulary - first);
    model_->decoder.logits(states, first, count, logits, workspace);
    for (std::size_t row = 0; row < rows; ++row) {
      float* own = logits + row * static_cast<std::size_t>(count);
      log_sums_[row * chunks + chunk] = model_->kernels.log_sum_exp(own, count);
      choose(row, may_end[row] != 0, first, count, own);
    }
  }
  offers_.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const float* sums = log_sums_.data() + row * chunks;
    offers_[row] = {{best_.data() + row * offered_, static_cast<std::size_t>(found_[row])},
                    model_->kernels.log_sum_exp(sums, static_cast<int>(chunks))};
  }
  return offers_;
}

/// Adds to a row's best tokens those of one chunk that may follow.
void Scorer::choose(std::size_t row, bool may_end, int first, int count, float* logits) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  const auto forbid = [&](std::int32_t token) {
    if (token >= first && token < first + count) logits[token - first] = kNever;
  };
  for (const std::int32_t token : model_->config.suppressed_ids) forbid(token);
  if (!may_end) forbid(model_->config.eos_id);
  found_[row] = model_->kernels.top_k(logits, count, first, static_cast<int>(offered_), found_[row],
                                      best_.data() + row * offered_);
}

}  // namespace octavo
