#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace octavo {

// What the batch of a stream holds at most, unless a single sentence or text is larger; besides it no more
// decoder rows than the tier's stream_rows.
constexpr std::size_t kMostCost = 65'536;  // tokens whose keys and values are kept

/// A sentence or a text that is not under way yet.
struct Waiting {
  std::size_t index;   // among those of its caller
  std::size_t length;  // tokens that are encoded
  std::size_t rows;    // decoder rows that it counts as
  std::size_t cost;    // tokens whose keys and values may have to be kept for it at a time
};

/// What a batch has room for.
struct Room {
  std::size_t rows = 0;
  std::size_t length = 0;
  std::size_t cost = 0;
  bool is_empty = false;  // the batch: a single sentence may come in that is larger

  /// Whether a sentence may come in; its room is taken then.
  bool let_in(const Waiting& sentence) {
    const bool fits = sentence.rows <= rows && sentence.length <= length && sentence.cost <= cost;
    if (!fits && !is_empty) return false;
    is_empty = false;
    rows -= std::min(rows, sentence.rows);
    length -= std::min(length, sentence.length);
    cost -= std::min(cost, sentence.cost);
    return true;
  }
};

/// A stream's share of what waits: few sentences spread over all streams.
constexpr std::size_t share_of(std::size_t waiting, std::size_t streams) {
  return (waiting + streams - 1) / streams;
}

/// The sentences of one caller that wait, longest first, and of equals the earlier.
class SentenceQueue {
 public:
  SentenceQueue() = default;
  explicit SentenceQueue(std::vector<Waiting> sentences) : sentences_(std::move(sentences)) {
    std::stable_sort(sentences_.begin(), sentences_.end(),
                     [](const Waiting& a, const Waiting& b) { return a.length > b.length; });
  }

  std::size_t left() const { return sentences_.size() - next_; }
  const Waiting& front() const { return sentences_[next_]; }
  void pop() { ++next_; }
  void clear() { next_ = sentences_.size(); }

 private:
  std::vector<Waiting> sentences_;
  std::size_t next_ = 0;
};

}  // namespace octavo
