#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "decoding/search.h"
#include "decoding/sentence_queue.h"
#include "decoding/shortlist.h"
#include "decoding/terms.h"

namespace octavo {

/// What is to be translated: token ids without EOS, and the terms of each sentence, or of none.
struct Sources {
  const std::vector<std::vector<std::int32_t>>& sentences;
  const std::vector<std::vector<Term>>& terms;
  TokenSet continuations;

  std::span<const Term> terms_of(std::size_t sentence) const {
    return terms.empty() ? std::span<const Term>() : terms[sentence];
  }
};

/// Translates the sentences of a queue, many at a time: when some have ended, others take their place. Each
/// result is what the sentence would get alone.
class BatchSearch {
 public:
  /// `shortlist` may be null.
  BatchSearch(const Transformer& model, const Shortlist* shortlist)
      : model_(model), shortlist_(shortlist), workspace_(model.kernels), cache_(model.stacks->make_cache()) {}

  /// What a sentence of `source_tokens`, EOS included, may cost; see SentenceQueue.
  static std::size_t cost(const SearchOptions& options, int source_tokens, int max_positions,
                          std::span<const Term> terms);

  /// Runs until the queue is empty or `cancelled` is set, on this thread and those of `team`. Sources are
  /// checked by the caller.
  void run(SentenceQueue& queue, const Sources& sources, const SearchOptions& options,
           const std::atomic<bool>& cancelled, Team& team, std::vector<std::vector<Hypothesis>>& results);

 private:
  const Transformer& model_;
  const Shortlist* shortlist_;
  Workspace workspace_;
  DecoderCache cache_;
};

}  // namespace octavo
