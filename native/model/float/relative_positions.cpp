#include "model/float/relative_positions.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ops/tensor_source.h"

namespace octavo {

namespace {

/// In binary64, rounded once.
float logarithm_of(float x) { return static_cast<float>(std::log(static_cast<double>(x))); }

}  // namespace

int relative_bucket(int relative, int buckets, int distance, bool bidirectional) {
  const int n = bidirectional ? buckets / 2 : buckets;
  const int first = bidirectional && relative > 0 ? n : 0;
  const int away = bidirectional ? std::abs(relative) : std::max(-relative, 0);
  const int near = n / 2;
  if (away < near) return first + away;
  const auto width = static_cast<float>(near);
  const float share =
      logarithm_of(static_cast<float>(away) / width) / logarithm_of(static_cast<float>(distance) / width);
  return first + std::min(near + static_cast<int>(share * static_cast<float>(n - near)), n - 1);
}

RelativePositions::RelativePositions(const LayerSource& source, const std::string& stack) {
  const int buckets = source.config.relative_buckets;
  if (buckets == 0) return;
  heads_ = source.config.attention_heads;
  reach_ = source.config.relative_distance;
  const auto heads = static_cast<std::size_t>(heads_);
  const float* table =
      load_f32(source.weights.source(), stack + ".relative_bias", static_cast<std::size_t>(buckets) * heads);
  for (std::size_t head = 0; head < heads; ++head) {
    for (int relative = -reach_; relative <= reach_; ++relative) {
      const int bucket = relative_bucket(relative, buckets, reach_, stack == "encoder");
      biases_.push_back(table[static_cast<std::size_t>(bucket) * heads + head]);
    }
  }
}

float RelativePositions::at(int head, int relative) const {
  const int row = head * (2 * reach_ + 1) + reach_;
  return biases_[static_cast<std::size_t>(row + std::clamp(relative, -reach_, reach_))];
}

void RelativePositions::prepare(const PackedTokens& source, Workspace& workspace) const {
  workspace.score_biases.clear();
  if (biases_.empty()) return;
  int longest = 1;
  for (int s = 0; s < source.sentences(); ++s) longest = std::max(longest, source.length(s));
  // A row of all relative positions; those of a query begin as many before the middle as stand before it.
  const int before = longest - 1;
  const int width = before + static_cast<int>(page_count(longest)) * kPagePositions;
  float* bias =
      workspace.score_bias.ensure(static_cast<std::size_t>(heads_) * static_cast<std::size_t>(width));
  workspace.score_biases.assign(static_cast<std::size_t>(source.sentences()),
                                {.values = bias + before, .head_stride = width, .query_stride = -1});
  for (int head = 0; head < heads_; ++head) {
    for (int i = 0; i < width; ++i) *bias++ = at(head, i - before);
  }
}

void RelativePositions::prepare(std::span<SentenceRows* const> sentences, Workspace& workspace) const {
  workspace.score_biases.clear();
  if (biases_.empty()) return;
  std::size_t positions = 0;
  for (const SentenceRows* sentence : sentences) positions += static_cast<std::size_t>(sentence->positions());
  float* bias = workspace.score_bias.ensure(static_cast<std::size_t>(heads_) * positions);
  for (const SentenceRows* sentence : sentences) {
    workspace.score_biases.push_back({.values = bias, .head_stride = sentence->positions()});
    const int own = sentence->length() - 1;
    for (int head = 0; head < heads_; ++head) {
      for (const std::int32_t step : sentence->steps()) *bias++ = at(head, step - own);
    }
  }
}

}  // namespace octavo
