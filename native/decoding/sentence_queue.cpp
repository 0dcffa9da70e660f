#include "decoding/sentence_queue.h"

#include <algorithm>

namespace octavo {

SentenceQueue::SentenceQueue(std::vector<Sentence> sentences, int streams)
    : sentences_(std::move(sentences)), streams_(static_cast<std::size_t>(streams)) {
  std::stable_sort(sentences_.begin(), sentences_.end(),
                   [](const Sentence& a, const Sentence& b) { return a.length > b.length; });
}

std::vector<SentenceQueue::Sentence> SentenceQueue::take(std::size_t most, std::size_t most_tokens,
                                                         std::size_t most_cost, bool alone) {
  const std::lock_guard lock(mutex_);
  const std::size_t left = sentences_.size() - position_;
  const std::size_t share = (left + streams_ - 1) / streams_;
  std::vector<Sentence> taken;
  std::size_t tokens = 0;
  std::size_t cost = 0;
  while (taken.size() < std::min(most, share)) {
    const Sentence& next = sentences_[position_];
    tokens += next.length;
    cost += next.cost;
    const bool fits = tokens <= most_tokens && cost <= most_cost;
    if (!fits && !(alone && taken.empty())) break;
    taken.push_back(next);
    ++position_;
  }
  return taken;
}

void SentenceQueue::close() {
  const std::lock_guard lock(mutex_);
  position_ = sentences_.size();
}

}  // namespace octavo
