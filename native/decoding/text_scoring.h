#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "decoding/sentence_queue.h"
#include "model/transformer.h"

namespace octavo {

/// Tokens that a language model reads, and how many at their end are scored: fewer than there are.
struct ScoredText {
  std::vector<std::int32_t> tokens;
  std::size_t scored;
};

/// The texts of one call, longest first; its streams share them.
class WaitingTexts {
 public:
  WaitingTexts(const std::vector<ScoredText>& texts, int streams);

  /// The next ones that there is room for; no more than a stream's share of what is left.
  std::vector<Waiting> take(Room room);
  /// Nothing more is handed out: a stream has failed.
  void close();

 private:
  std::mutex mutex_;
  SentenceQueue queue_;
  std::size_t streams_;
};

/// Scores the texts of a queue with a language model, many at a time: when some have ended, others take their
/// place. Each result is what the text would get alone. Logits are made for the rows that are scored, a chunk
/// of the vocabulary at a time.
class TextScoring {
 public:
  explicit TextScoring(const Transformer& model)
      : model_(model), workspace_(model.kernels), cache_(model.stacks->make_cache()) {}

  /// Runs until the queue is empty or `cancelled` is set, on this thread and those of `team`. A text's scores
  /// are the log-probabilities, in nats, of its scored tokens, each given all before it. Texts are checked by
  /// the caller.
  void run(WaitingTexts& queue, const std::vector<ScoredText>& texts, const std::atomic<bool>& cancelled,
           Team& team, std::vector<std::vector<float>>& scores);

 private:
  struct Live {
    std::size_t index;  // in the call
    const ScoredText* text;
    std::size_t fed;  // tokens so far
    SentenceRows rows;

    bool is_scored() const { return text->tokens.size() - fed <= text->scored; }
  };

  void admit(WaitingTexts& queue, const std::vector<ScoredText>& texts);
  void advance(std::vector<std::vector<float>>& scores);
  void score(const ProductInput& states, std::span<const std::int32_t> next, float* scores);

  const Transformer& model_;
  Workspace workspace_;
  DecoderCache cache_;
  std::vector<Live> live_;
  std::size_t cost_ = 0;  // of all of them
  std::vector<SentenceRows*> rows_;
  std::vector<bool> wanted_;         // for each row, whether what follows is scored
  std::vector<std::int32_t> next_;   // for each row, the token that follows
  std::vector<float> found_;         // its score
  std::vector<float> log_sums_;      // [rows, chunks]
  std::vector<float> chosen_logit_;  // [rows]
};

}  // namespace octavo
