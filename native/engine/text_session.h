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
  /// the logits [wanted rows, vocabulary]. Throws Error, with nothing fed, for a feed that cannot be.
  std::vector<float> step(const std::vector<Feed>& feeds);

  /// Forgets a text. One that is not under way is no error.
  void end(std::int64_t text);

  const Transformer& model() const { return *model_; }

 private:
  void check(const std::vector<Feed>& feeds) const;
  std::vector<float> wanted_logits(const ProductInput& states, const std::vector<bool>& wanted);

  std::shared_ptr<const Transformer> model_;
  std::mutex busy_;  // held by the call that uses the rest
  Team team_;
  Workspace workspace_;
  DecoderCache cache_;
  std::map<std::int64_t, SentenceRows> texts_;
};

}  // namespace octavo
