#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

namespace octavo {

/// Indices of sources grouped into batches: longest first, at most `most_sentences` and, unless a single one
/// is longer, `most_tokens` in each.
std::vector<std::vector<std::size_t>> make_batches(std::span<const std::size_t> lengths,
                                                   std::size_t most_sentences, std::size_t most_tokens);

/// First in, first out; shared by the streams of one call. Remembers the first failure and who is still at
/// work.
class BatchQueue {
 public:
  BatchQueue(std::vector<std::vector<std::size_t>> batches, int streams);

  /// The next batch, or null when there is none or a stream has failed.
  const std::vector<std::size_t>* next();

  void stream_failed(std::exception_ptr failure);
  void stream_ended();

  /// Waits until every stream has ended, at most for `patience`. True: all have.
  bool wait_for_streams(std::chrono::milliseconds patience);

  std::exception_ptr failure();

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<std::vector<std::size_t>> batches_;
  std::size_t position_ = 0;
  int running_;
  std::exception_ptr failure_;
};

}  // namespace octavo
