#pragma once

#include <memory>
#include <vector>

#include "engine/scoring_streams.h"
#include "engine/translation_pool.h"

namespace octavo {

/// A model at work: a translation model with a pool that translates, a language model with streams that
/// score.
class Engine {
 public:
  /// `shortlist`, of this model, may be null. `heads`: those that align, or none. `streams` work side by side
  /// and share `threads`. Throws Error.
  Engine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist,
         std::vector<AttentionHead> heads, int threads, int streams);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Of a translation model. Throws Error for a language model.
  TranslationPool& pool();
  /// Of a language model. Throws Error for a translation model.
  ScoringStreams& scoring();

  /// Gives up all translations that are under way, and wakes whoever waits for them.
  void give_up();
  /// The same, and ends all threads. They start again with the next call.
  void stop();

  /// To be called in a child process that a fork has made, before anything else is. What other threads have
  /// under way does not go on in the child, nor end there.
  void after_fork();

  const Transformer& model() const { return *model_; }
  std::shared_ptr<const Transformer> shared_model() const { return model_; }
  int threads() const { return threads_; }

 private:
  std::unique_ptr<TranslationPool> make_pool() const;

  std::shared_ptr<const Transformer> model_;
  std::unique_ptr<const Shortlist> shortlist_;
  std::vector<AttentionHead> heads_;
  int threads_;
  int streams_;
  std::unique_ptr<TranslationPool> pool_;    // of a translation model
  std::unique_ptr<ScoringStreams> scoring_;  // of a language model
};

}  // namespace octavo
