#include "engine/batch_queue.h"

#include <algorithm>
#include <numeric>

namespace octavo {

std::vector<std::vector<std::size_t>> make_batches(std::span<const std::size_t> lengths,
                                                   std::size_t most_sentences, std::size_t most_tokens) {
  std::vector<std::size_t> order(lengths.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return lengths[a] > lengths[b]; });
  std::vector<std::vector<std::size_t>> batches;
  std::size_t tokens = 0;
  for (const std::size_t index : order) {
    if (batches.empty() || batches.back().size() == most_sentences || tokens + lengths[index] > most_tokens) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(index);
    tokens += lengths[index];
  }
  return batches;
}

BatchQueue::BatchQueue(std::vector<std::vector<std::size_t>> batches, int streams)
    : batches_(std::move(batches)), running_(streams) {}

const std::vector<std::size_t>* BatchQueue::next() {
  const std::lock_guard lock(mutex_);
  return failure_ || position_ == batches_.size() ? nullptr : &batches_[position_++];
}

void BatchQueue::stream_failed(std::exception_ptr failure) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(failure);
}

void BatchQueue::stream_ended() {
  const std::lock_guard lock(mutex_);
  --running_;
  ended_.notify_all();
}

bool BatchQueue::wait_for_streams(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, patience, [this] { return running_ == 0; });
}

std::exception_ptr BatchQueue::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

}  // namespace octavo
