#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

#include "base/errors.h"
#include "engine/streams_at_work.h"

namespace octavo {

namespace {

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

Engine::Engine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist,
               int threads, int streams)
    : model_(std::move(model)), shortlist_(std::move(shortlist)), threads_(threads) {
  if (threads < 1 || threads > kMostThreads) throw Error("threads must be from 1 to 1024");
  if (streams < 1 || streams > threads) throw Error("streams must be from 1 to threads");
  for (int i = 0; i < streams; ++i) streams_.emplace_back(*model_, shortlist_.get());
}

std::vector<std::vector<Hypothesis>> Engine::translate(const std::vector<std::vector<std::int32_t>>& sources,
                                                       const SearchOptions& options,
                                                       const KeepGoing& keep_going) {
  check(options);
  std::unique_lock<std::timed_mutex> lock(busy_, std::defer_lock);
  while (!lock.try_lock_for(kPoll)) {
    if (!keep_going()) throw Cancelled();
  }
  std::vector<SentenceQueue::Sentence> sentences;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    check_source(model_->config, sources[i]);
    const int length = static_cast<int>(sources[i].size()) + (model_->config.source_eos ? 1 : 0);
    sentences.push_back({i, static_cast<std::size_t>(length),
                         BatchSearch::cost(options, length, model_->config.max_positions)});
  }
  std::vector<std::vector<Hypothesis>> results(sources.size());
  const int used = static_cast<int>(std::min(sources.size(), streams_.size()));
  SentenceQueue queue(std::move(sentences), std::max(used, 1));
  StreamsAtWork at_work(used);
  std::atomic<bool> cancelled = false;

  const auto work = [&](int stream) {
    try {
      Team team(threads_ / used + (stream < threads_ % used ? 1 : 0));
      streams_[static_cast<std::size_t>(stream)].run(queue, sources, options, cancelled, team, results);
    } catch (...) {
      at_work.failed(std::current_exception());
      queue.close();
    }
    at_work.ended();
  };

  std::vector<std::jthread> threads;
  for (int i = 0; i < used; ++i) {
    try {
      threads.emplace_back(work, i);
    } catch (const std::system_error&) {  // no more threads to be had: those that run do the work
      if (threads.empty())
        at_work.failed(std::make_exception_ptr(Error("the system allows no more threads")));
      at_work.ended();
    }
  }
  while (!at_work.wait(kPoll)) {
    if (!cancelled.load() && !keep_going()) cancelled = true;
  }
  threads.clear();
  if (const std::exception_ptr failure = at_work.failure()) std::rethrow_exception(failure);
  if (cancelled.load()) throw Cancelled();
  return results;
}

}  // namespace octavo
