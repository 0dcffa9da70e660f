#include "decoding/text_scoring.h"

#include <algorithm>
#include <limits>

#include "decoding/logits.h"

namespace octavo {

namespace {

SentenceQueue longest_first(const std::vector<ScoredText>& texts) {
  std::vector<Waiting> waiting;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::size_t tokens = texts[i].tokens.size();
    waiting.push_back({.index = i, .length = tokens, .rows = 1, .cost = tokens});
  }
  return SentenceQueue(std::move(waiting));
}

}  // namespace

WaitingTexts::WaitingTexts(const std::vector<ScoredText>& texts, int streams)
    : queue_(longest_first(texts)), streams_(static_cast<std::size_t>(streams)) {}

std::vector<Waiting> WaitingTexts::take(Room room) {
  const std::lock_guard lock(mutex_);
  const std::size_t share = share_of(queue_.left(), streams_);
  std::vector<Waiting> taken;
  while (taken.size() < share && room.let_in(queue_.front())) {
    taken.push_back(queue_.front());
    queue_.pop();
  }
  return taken;
}

void WaitingTexts::close() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
}

void TextScoring::run(WaitingTexts& queue, const std::vector<ScoredText>& texts,
                      const std::atomic<bool>& cancelled, Team& team,
                      std::vector<std::vector<float>>& scores) {
  const TeamAtWork at_work(workspace_, team);
  live_.clear();
  cost_ = 0;
  while (!cancelled.load(std::memory_order_relaxed)) {
    admit(queue, texts);
    if (live_.empty()) return;
    advance(scores);
  }
  live_.clear();
}

/// Fills vacant places from the queue.
void TextScoring::admit(WaitingTexts& queue, const std::vector<ScoredText>& texts) {
  constexpr std::size_t kAnyLength = std::numeric_limits<std::size_t>::max();
  const std::size_t most = model_.stream_rows;
  if (live_.size() == most) return;
  for (const Waiting& taken : queue.take({.rows = most - live_.size(),
                                          .length = kAnyLength,
                                          .cost = kMostCost - std::min(cost_, kMostCost),
                                          .is_empty = live_.empty()})) {
    const ScoredText& text = texts[taken.index];
    live_.push_back({taken.index, &text, 1, begin_text(text.tokens.front(), cache_)});
    cost_ += text.tokens.size();
  }
}

/// Feeds every text its next token and takes those that have ended out of the batch.
void TextScoring::advance(std::vector<std::vector<float>>& scores) {
  rows_.clear();
  wanted_.clear();
  next_.clear();
  for (Live& live : live_) {
    rows_.push_back(&live.rows);
    wanted_.push_back(live.is_scored());
    next_.push_back(live.text->tokens[live.fed]);
  }
  const ProductInput states = model_.stacks->step(rows_, workspace_);
  found_.resize(live_.size());
  for_each_run(wanted_, [&](int first, int count) {
    const auto begin = static_cast<std::size_t>(first);
    score(states.slice(first, count), std::span(next_).subspan(begin, static_cast<std::size_t>(count)),
          found_.data() + begin);
  });
  for (std::size_t i = 0; i < live_.size(); ++i) {
    Live& live = live_[i];
    if (wanted_[i]) scores[live.index].push_back(found_[i]);
    if (++live.fed < live.text->tokens.size()) {
      const Continuation next{0, next_[i]};
      live.rows.advance({&next, 1});
    } else {
      cost_ -= live.text->tokens.size();
    }
  }
  std::erase_if(live_, [](const Live& live) { return live.fed == live.text->tokens.size(); });
}

/// The log-probability of next[r] after row r, for rows of states.
void TextScoring::score(const ProductInput& states, std::span<const std::int32_t> next, float* scores) {
  const OutputProjection& output = model_.stacks->output();
  const std::size_t rows = next.size();
  const std::size_t chunks = chunk_count(output);
  log_sums_.resize(rows * chunks);
  chosen_logit_.resize(rows);
  std::size_t chunk = 0;
  for_each_chunk(output, states, workspace_, [&](int first, int count, const LogitRows& logits) {
    for (std::size_t r = 0; r < rows; ++r) {
      const LogitRow own = logits.row(r);
      log_sums_[r * chunks + chunk] = model_.kernels.log_sum_exp(own.values, count, own.largest);
      if (next[r] >= first && next[r] < first + count) chosen_logit_[r] = own.values[next[r] - first];
    }
    ++chunk;
  });
  for (std::size_t r = 0; r < rows; ++r) {
    const float sum = log_sum_exp(model_.kernels, log_sums_.data() + r * chunks, static_cast<int>(chunks));
    scores[r] = std::min(chosen_logit_[r] - sum, 0.0f);
  }
}

}  // namespace octavo
