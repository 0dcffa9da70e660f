#pragma once

#include <atomic>
#include <vector>

#include "decoding/search.h"
#include "decoding/sentence_queue.h"
#include "decoding/shortlist.h"

namespace octavo {

/// Translates the sentences of a queue, many at a time: when some have ended, others take their place. Each
/// result is what the sentence would get alone.
class BatchSearch {
 public:
  /// `shortlist` may be null.
  BatchSearch(const Transformer& model, const Shortlist* shortlist)
      : model_(model), shortlist_(shortlist), workspace_(model.kernels), cache_(model.stacks->make_cache()) {}

  /// What a sentence of `source_tokens`, EOS included, may cost; see SentenceQueue.
  static std::size_t cost(const SearchOptions& options, int source_tokens, int max_positions);

  /// Runs until the queue is empty or `cancelled` is set, on this thread and those of `team`. sources: token
  /// ids without EOS, checked by the caller.
  void run(SentenceQueue& queue, const std::vector<std::vector<std::int32_t>>& sources,
           const SearchOptions& options, const std::atomic<bool>& cancelled, Team& team,
           std::vector<std::vector<Hypothesis>>& results);

 private:
  const Transformer& model_;
  const Shortlist* shortlist_;
  Workspace workspace_;
  DecoderCache cache_;
};

}  // namespace octavo
