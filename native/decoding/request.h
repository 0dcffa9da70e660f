#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "decoding/search.h"
#include "decoding/sentence_queue.h"
#include "decoding/terms.h"

namespace octavo {

/// What overtakes what: the later of these goes into the next vacant place first.
enum class Priority { bulk, normal, interactive };
constexpr std::size_t kPriorities = 3;

using Clock = std::chrono::steady_clock;

/// Sentences that one caller wants translated alike, and what becomes of them.
struct Request {
  // What is wanted: it does not change.
  std::vector<std::vector<std::int32_t>> sources;          // token ids without EOS
  std::vector<std::vector<Term>> terms;                    // of each source, or of none
  TokenSet continuations;                                  // tokens that continue a word
  std::vector<std::vector<std::int32_t>> target_prefixes;  // of each source, or of none
  SearchOptions options;
  bool alignments = false;
  Priority priority = Priority::normal;
  std::optional<Clock::time_point> deadline;

  std::span<const Term> terms_of(std::size_t sentence) const {
    return terms.empty() ? std::span<const Term>() : terms[sentence];
  }
  /// The tokens that every translation of a sentence begins with.
  std::span<const std::int32_t> target_prefix_of(std::size_t sentence) const {
    return target_prefixes.empty() ? std::span<const std::int32_t>() : target_prefixes[sentence];
  }
  /// Tokens that a translation gets besides what its source asks for.
  int demanded_tokens(std::size_t sentence) const {
    return longest_of(terms_of(sentence)) + static_cast<int>(target_prefix_of(sentence).size());
  }
  /// What a sentence counts in a queue that is bounded in tokens: its own and EOS.
  std::size_t tokens_of(std::size_t sentence) const { return sources[sentence].size() + 1; }

  /// Of a sentence that has ended: its hypotheses, best first, or why there are none.
  struct Outcome {
    std::vector<Hypothesis> hypotheses;
    std::exception_ptr failure;
  };
  std::vector<Outcome> outcomes;

  /// The notes of the pool that works on it, which guards them with its mutex.
  struct Progress {
    enum class Stage : std::uint8_t { waiting, under_way, ended };
    using Place = std::list<std::shared_ptr<Request>>::iterator;

    const void* pool = nullptr;  // that works on it
    bool given_up = false;       // before one did
    std::vector<Stage> stages;   // of each sentence
    std::size_t waiting = 0;     // sentences
    std::size_t unended = 0;
    SentenceQueue line;  // those that wait, and some that have ended since
    Place in_queue;      // where waiting > 0
    Place among_open;    // where unended > 0
    std::optional<std::multimap<Clock::time_point, Request*>::iterator> in_deadlines;
    bool is_collected = false;            // else somebody waits for all
    std::condition_variable all_ended;    // where somebody waits
    std::vector<std::size_t> ready;       // sentences that have ended, where they are collected
    std::size_t collected = 0;            // of them
    std::shared_ptr<Request> next_ready;  // the next one that has something to collect
  };
  Progress progress;
};

}  // namespace octavo
