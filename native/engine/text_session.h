#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "model/transformer.h"

namespace octavo {

/// Texts under way, which a language model continues token by token. A text has a row for each of its
/// continuations; what it is fed next it sees after all that its row was fed before. Logits depend on that
/// alone, not on what else is fed.
class TextSession {
 public:
  /// What a text is fed in one step: every row of the step before that goes on, once or several times, with
  /// its next token. `wanted`: whether logits are.
  struct Feed {
    std::int64_t text;
    std::vector<Continuation> rows;
    bool wanted;
  };

  TextSession(std::shared_ptr<const Transformer> model, int threads);
  TextSession(const TextSession&) = delete;
  TextSession& operator=(const TextSession&) = delete;

  /// One step of several texts, each named once; a text that is not under way begins with one row. Returns
  /// the logits [wanted rows, vocabulary]. Throws Error, with nothing fed, for a feed that cannot be; after
  /// any other failure the session takes no more steps.
  std::vector<float> step(const std::vector<Feed>& feeds);

  /// Forgets a text. One that is not under way is no error.
  void end(std::int64_t text);

  /// To be called in a child process that a fork has made, before anything else is. The session goes on there
  /// with threads of its own, unless a thread that the child does not have was in the middle of a call.
  void after_fork();

  const Transformer& model() const { return *model_; }

 private:
  struct State {
    State(const Transformer& model, int threads);

    std::mutex busy;  // held by the call that uses the rest
    std::unique_ptr<Team> team;
    Workspace workspace;
    DecoderCache cache;
    std::map<std::int64_t, SentenceRows> texts;
    bool torn = false;  // a step failed half-way
  };

  static void check(const State& state, const TransformerConfig& config, const std::vector<Feed>& feeds);
  std::vector<float> wanted_logits(const ProductInput& states, const std::vector<bool>& wanted,
                                   Workspace& workspace) const;

  std::shared_ptr<const Transformer> model_;
  int threads_;
  std::unique_ptr<State> state_;  // null: lost in a fork
};

}  // namespace octavo
