#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

namespace octavo {

/// The streams of one call: who is still at work, and the first failure.
class StreamsAtWork {
 public:
  explicit StreamsAtWork(int streams) : running_(streams) {}

  void failed(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(failure);
  }

  void ended() {
    const std::lock_guard lock(mutex_);
    --running_;
    ended_.notify_all();
  }

  /// Waits until every stream has ended, at most for `patience`. True: all have.
  bool wait(std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, patience, [this] { return running_ == 0; });
  }

  std::exception_ptr failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_;
  std::exception_ptr failure_;
};

}  // namespace octavo
