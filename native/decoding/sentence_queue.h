#pragma once

#include <cstddef>
#include <mutex>
#include <vector>

namespace octavo {

// What the batch of a stream holds at most, unless a single sentence or text is larger; besides it no more
// decoder rows than the tier's stream_rows.
constexpr std::size_t kMostCost = 65'536;  // tokens whose keys and values are kept

/// The sentences of one call, longest first; its streams share it.
class SentenceQueue {
 public:
  struct Sentence {
    std::size_t index;   // in the call
    std::size_t length;  // source tokens
    std::size_t cost;    // tokens whose keys and values may have to be kept for it at a time
  };

  SentenceQueue(std::vector<Sentence> sentences, int streams);

  /// The next ones: at most `most`, at most `most_tokens` source tokens and at most `most_cost`, but for a
  /// single one that is larger where `alone` allows it; and no more than a stream's share of what is left.
  std::vector<Sentence> take(std::size_t most, std::size_t most_tokens, std::size_t most_cost, bool alone);

  /// Nothing more is handed out: a stream has failed.
  void close();

 private:
  std::mutex mutex_;
  std::vector<Sentence> sentences_;
  std::size_t streams_;
  std::size_t position_ = 0;
};

}  // namespace octavo
