#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include "base/errors.h"
#include "engine/batch_queue.h"

namespace octavo {

namespace {

constexpr std::size_t kBatchRows = 128;     // decoder rows: sentences times beam
constexpr std::size_t kBatchTokens = 2048;  // encoder rows
constexpr std::chrono::milliseconds kPoll{50};
constexpr int kMostThreads = 1024;

void check_tokens(const std::vector<std::int32_t>& tokens, int vocabulary, int longest, const char* side) {
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocabulary) {
      throw Error(std::string(side) + " token " + std::to_string(token) + " lies outside the vocabulary of " +
                  std::to_string(vocabulary));
    }
  }
  if (tokens.size() > static_cast<std::size_t>(longest)) {
    throw Error(std::string(side) + " has " + std::to_string(tokens.size()) +
                " tokens; the model takes at most " + std::to_string(longest));
  }
}

}  // namespace

void check_source(const TransformerConfig& config, const std::vector<std::int32_t>& tokens) {
  check_tokens(tokens, config.source_vocab_size, config.max_positions - (config.source_eos ? 1 : 0),
               "source");
  if (tokens.empty() && !config.source_eos) throw Error("source has no tokens");
}

void check_target(const TransformerConfig& config, const std::vector<std::int32_t>& tokens) {
  check_tokens(tokens, config.target_vocab_size, config.max_positions - 1, "target");
}

Engine::Engine(std::shared_ptr<const Transformer> model, int threads) : model_(std::move(model)) {
  if (threads < 1 || threads > kMostThreads) throw Error("threads must be from 1 to 1024");
  for (int i = 0; i < threads; ++i) streams_.emplace_back(*model_);
}

std::vector<std::vector<Hypothesis>> Engine::translate(const std::vector<std::vector<std::int32_t>>& sources,
                                                       const SearchOptions& options,
                                                       const KeepGoing& keep_going) {
  check(options);
  std::unique_lock<std::timed_mutex> lock(busy_, std::defer_lock);
  while (!lock.try_lock_for(kPoll)) {
    if (!keep_going()) throw Cancelled();
  }
  std::vector<std::size_t> lengths;
  for (const auto& source : sources) {
    check_source(model_->config, source);
    lengths.push_back(source.size() + 1);
  }
  std::vector<std::vector<Hypothesis>> results(sources.size());
  const std::size_t most_sentences =
      std::max<std::size_t>(1, kBatchRows / static_cast<std::size_t>(options.beam));
  std::vector<std::vector<std::size_t>> batches = make_batches(lengths, most_sentences, kBatchTokens);
  const int used = static_cast<int>(std::min(batches.size(), streams_.size()));
  BatchQueue queue(std::move(batches), used);
  std::atomic<bool> cancelled = false;

  const auto work = [&](BatchSearch& stream) {
    try {
      while (const std::vector<std::size_t>* batch = queue.next()) {
        std::vector<const std::vector<std::int32_t>*> selected;
        for (const std::size_t index : *batch) selected.push_back(&sources[index]);
        std::vector<std::vector<Hypothesis>> found = stream.run(selected, options, cancelled);
        for (std::size_t i = 0; i < batch->size(); ++i) results[(*batch)[i]] = std::move(found[i]);
        if (cancelled.load()) break;
      }
    } catch (...) {
      queue.stream_failed(std::current_exception());
    }
    queue.stream_ended();
  };

  std::vector<std::jthread> threads;
  for (int i = 0; i < used; ++i) {
    try {
      threads.emplace_back(work, std::ref(streams_[static_cast<std::size_t>(i)]));
    } catch (const std::system_error&) {  // no more threads to be had: those that run do the work
      if (threads.empty())
        queue.stream_failed(std::make_exception_ptr(Error("the system allows no more threads")));
      queue.stream_ended();
    }
  }
  while (!queue.wait_for_streams(kPoll)) {
    if (!cancelled.load() && !keep_going()) cancelled = true;
  }
  threads.clear();
  if (const std::exception_ptr failure = queue.failure()) std::rethrow_exception(failure);
  if (cancelled.load()) throw Cancelled();
  return results;
}

}  // namespace octavo
