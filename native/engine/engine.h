#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "decoding/batch_search.h"
#include "decoding/text_scoring.h"

namespace octavo {

/// Called now and then on the thread that made a call; false cancels it.
using KeepGoing = std::function<bool()>;

/// Thrown by a call that was cancelled.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "cancelled"; }
};

/// A model, and streams that work with it and share `threads`; where there are fewer sentences than streams,
/// several threads work on each. Calls wait for one another.
class Engine {
 public:
  /// `shortlist`, of this model, may be null.
  Engine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist, int threads,
         int streams);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Results in the order of sources (token ids without EOS), best hypotheses first. `terms`: those of each
  /// source, or empty; `continuations`: tokens that continue a word. Sentences of similar length share a
  /// batch, the longest first; no result depends on it. Throws Error, Cancelled or std::bad_alloc, and can be
  /// called again. keep_going is called on this thread about twenty times a second.
  std::vector<std::vector<Hypothesis>> translate(const std::vector<std::vector<std::int32_t>>& sources,
                                                 const std::vector<std::vector<Term>>& terms,
                                                 std::span<const std::int32_t> continuations,
                                                 const SearchOptions& options, const KeepGoing& keep_going);

  /// Of a language model: the log-probabilities of each text's scored tokens, in nats, in the order of texts.
  /// No result depends on what shares a batch. Throws as translate does.
  std::vector<std::vector<float>> score(const std::vector<ScoredText>& texts, const KeepGoing& keep_going);

  /// To be called in a child process that a fork has made, before anything else is. A call of another thread
  /// does not go on in the child, nor does its end: streams that it was using are replaced, and not freed.
  void after_fork();

  const Transformer& model() const { return *model_; }
  std::shared_ptr<const Transformer> shared_model() const { return model_; }
  int threads() const { return threads_; }

 private:
  /// What stream number `stream` does in a call, with its team, until it ends or `cancelled` is set.
  using StreamWork = std::function<void(std::size_t stream, Team& team, const std::atomic<bool>& cancelled)>;

  /// What calls take turns to use.
  struct Streams {
    Streams(const Transformer& model, const Shortlist* shortlist, int streams);

    std::vector<BatchSearch> searches;  // one for each stream, of a translation model
    std::vector<TextScoring> scorings;  // of a language model
    std::timed_mutex busy;              // held by the call that uses them
  };

  std::unique_ptr<Streams> make_streams() const;
  std::unique_lock<std::timed_mutex> wait_for_turn(const KeepGoing& keep_going);
  void share(SentenceQueue& queue, int used, const StreamWork& work, const KeepGoing& keep_going);

  std::shared_ptr<const Transformer> model_;
  std::unique_ptr<const Shortlist> shortlist_;
  int threads_;
  int stream_count_;
  std::unique_ptr<Streams> streams_;
};

/// Throws Error unless every id is in the vocabulary and the length, EOS included, within max_positions.
void check_source(const TransformerConfig& config, const std::vector<std::int32_t>& tokens);

/// The same for a decoder prefix after decoder_start_id.
void check_target(const TransformerConfig& config, const std::vector<std::int32_t>& tokens);

/// Throws Error unless a translation of source number `source` can contain the terms.
void check_terms(const TransformerConfig& config, std::size_t source, const std::vector<Term>& terms);

/// Throws Error unless the model has that head of cross-attention.
void check_head(const TransformerConfig& config, const AttentionHead& head);

/// Throws Error unless a language model can score the text.
void check_text(const TransformerConfig& config, const ScoredText& text);

}  // namespace octavo
