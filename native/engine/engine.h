#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "decoding/batch_search.h"

namespace octavo {

/// Called now and then on the thread that asked for a translation; false cancels it.
using KeepGoing = std::function<bool()>;

/// Thrown by Engine::translate when it was cancelled.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "translation cancelled"; }
};

/// A model, and streams that translate with it and share `threads`; where there are fewer sentences than
/// streams, several work on each. Calls wait for one another.
class Engine {
 public:
  /// `shortlist`, of this model, may be null.
  Engine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist, int threads,
         int streams);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Results in the order of sources (token ids without EOS), best hypotheses first. Sentences of similar
  /// length share a batch, the longest first; no result depends on it. Throws Error or Cancelled.
  /// keep_going is called on this thread about twenty times a second.
  std::vector<std::vector<Hypothesis>> translate(const std::vector<std::vector<std::int32_t>>& sources,
                                                 const SearchOptions& options, const KeepGoing& keep_going);

  const Transformer& model() const { return *model_; }
  int threads() const { return threads_; }

 private:
  std::shared_ptr<const Transformer> model_;
  std::unique_ptr<const Shortlist> shortlist_;
  int threads_;
  std::vector<BatchSearch> streams_;
  std::timed_mutex busy_;  // held by the call that uses the streams
};

/// Throws Error unless every id is in the vocabulary and the length, EOS included, within max_positions.
void check_source(const TransformerConfig& config, const std::vector<std::int32_t>& tokens);

/// The same for a decoder prefix.
void check_target(const TransformerConfig& config, const std::vector<std::int32_t>& tokens);

}  // namespace octavo
