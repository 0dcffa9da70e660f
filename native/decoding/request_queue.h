#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "decoding/request.h"

namespace octavo {

/// A sentence of a request that a stream takes from the queue.
struct Taken {
  std::shared_ptr<Request> request;
  Waiting sentence;
};

/// The sentences of many requests: those of higher priority first, then by the requests' order of arrival,
/// then the longest. Whoever uses it guards it.
class RequestQueue {
 public:
  /// All sentences of a request, which has made its line. Throws std::bad_alloc with nothing added.
  void add(const std::shared_ptr<Request>& request);

  /// Moves the next ones to `taken`, which has room for them: at most `share`, and no more than fit. None
  /// overtakes another that does not fit.
  void take(Room room, std::size_t share, std::vector<Taken>& taken);

  /// A sentence that waits does not any more.
  void forget(Request& request, std::size_t sentence);

  std::size_t sentences() const { return sentences_; }
  std::size_t tokens() const { return tokens_; }
  /// Whether what comes next is interactive.
  bool is_urgent() const { return !levels_.back().empty(); }

 private:
  using Level = std::list<std::shared_ptr<Request>>;

  Level& level_of(const Request& request) { return levels_[static_cast<std::size_t>(request.priority)]; }
  void leave(Request& request, std::size_t sentence, Request::Progress::Stage stage);

  std::array<Level, kPriorities> levels_;  // requests with a sentence that waits, in order of arrival
  std::size_t sentences_ = 0;
  std::size_t tokens_ = 0;
};

}  // namespace octavo
