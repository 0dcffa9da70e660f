#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "decoding/text_scoring.h"
#include "engine/keep_going.h"

namespace octavo {

/// Streams of a language model that score texts. They share `threads` for the time of a call; calls wait for
/// one another.
class ScoringStreams {
 public:
  ScoringStreams(const Transformer& model, int threads, int streams);
  ScoringStreams(const ScoringStreams&) = delete;
  ScoringStreams& operator=(const ScoringStreams&) = delete;

  /// The log-probabilities of each text's scored tokens, in nats, in the order of texts. No result depends on
  /// what shares a batch. Throws Error, Interrupted or std::bad_alloc, and can be called again. keep_going is
  /// called on this thread about twenty times a second.
  std::vector<std::vector<float>> score(const std::vector<ScoredText>& texts, const KeepGoing& keep_going);

  /// To be called in a child process that a fork has made, before anything else is: streams that a lost
  /// thread was using are replaced, and not freed.
  void after_fork();

 private:
  /// What stream number `stream` does in a call, with its team, until it ends or `cancelled` is set.
  using StreamWork = std::function<void(std::size_t stream, Team& team, const std::atomic<bool>& cancelled)>;

  /// What calls take turns to use.
  struct State {
    State(const Transformer& model, int streams);

    std::vector<TextScoring> scorings;  // one for each stream
    std::timed_mutex busy;              // held by the call that uses them
  };

  std::unique_lock<std::timed_mutex> wait_for_turn(const KeepGoing& keep_going);
  void share(WaitingTexts& queue, int used, const StreamWork& work, const KeepGoing& keep_going);

  const Transformer& model_;
  int threads_;
  int streams_;
  std::unique_ptr<State> state_;
};

}  // namespace octavo
