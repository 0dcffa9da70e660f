#include "engine/scoring_streams.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>

#include "base/errors.h"
#include "engine/checks.h"
#include "engine/streams_at_work.h"

namespace octavo {

ScoringStreams::State::State(const Transformer& model, int streams) {
  for (int i = 0; i < streams; ++i) scorings.emplace_back(model);
}

ScoringStreams::ScoringStreams(const Transformer& model, int threads, int streams)
    : model_(model), threads_(threads), streams_(streams), state_(std::make_unique<State>(model, streams)) {}

void ScoringStreams::after_fork() {
  if (state_->busy.try_lock()) {
    state_->busy.unlock();
    return;
  }
  auto fresh = std::make_unique<State>(model_, streams_);
  static_cast<void>(state_.release());  // what a lost thread was changing cannot be freed
  state_ = std::move(fresh);
}

std::vector<std::vector<float>> ScoringStreams::score(const std::vector<ScoredText>& texts,
                                                      const KeepGoing& keep_going) {
  for (const ScoredText& text : texts) check_text(model_.config, text);
  const auto turn = wait_for_turn(keep_going);
  std::vector<std::vector<float>> scores(texts.size());
  const int used = std::min(static_cast<int>(texts.size()), streams_);
  WaitingTexts queue(texts, std::max(used, 1));
  share(
      queue, used,
      [&](std::size_t stream, Team& team, const std::atomic<bool>& cancelled) {
        state_->scorings[stream].run(queue, texts, cancelled, team, scores);
      },
      keep_going);
  return scores;
}

std::unique_lock<std::timed_mutex> ScoringStreams::wait_for_turn(const KeepGoing& keep_going) {
  std::unique_lock<std::timed_mutex> lock(state_->busy, std::defer_lock);
  while (!lock.try_lock_for(kPoll)) {
    if (!keep_going()) throw Interrupted();
  }
  return lock;
}

/// Runs `work` on a thread for each of `used` streams and waits for them. Throws their first failure.
void ScoringStreams::share(WaitingTexts& queue, int used, const StreamWork& work,
                           const KeepGoing& keep_going) {
  StreamsAtWork at_work(used);
  std::atomic<bool> cancelled = false;
  const std::exception_ptr no_memory = std::make_exception_ptr(std::bad_alloc());
  const std::exception_ptr no_thread = std::make_exception_ptr(Error("the system allows no more threads"));

  const auto fail = [&](const std::exception_ptr& failure) {
    at_work.failed(failure);
    queue.close();
  };
  const auto run = [&](int stream) {
    if (!prepare_for_exceptions()) {
      fail(no_memory);
    } else {
      try {
        Team team(threads_ / used + (stream < threads_ % used ? 1 : 0));
        work(static_cast<std::size_t>(stream), team, cancelled);
      } catch (...) {
        fail(std::current_exception());
      }
    }
    at_work.ended();
  };

  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(used));
  const auto not_started = [&](const std::exception_ptr& why) {  // where some run, they do the work
    if (threads.empty()) fail(why);
    at_work.ended();
  };
  for (int i = 0; i < used; ++i) {
    try {
      threads.emplace_back(run, i);
    } catch (const std::system_error&) {
      not_started(no_thread);
    } catch (const std::bad_alloc&) {
      not_started(no_memory);
    }
  }
  const State* const state = state_.get();
  while (!at_work.wait(kPoll)) {
    if (state_.get() != state) {  // this thread has forked, in keep_going; the child has no other
      static_cast<void>(new std::vector<std::jthread>(std::move(threads)));
      throw Error(kForked);
    }
    if (!cancelled.load() && !keep_going()) cancelled = true;
  }
  threads.clear();
  if (const std::exception_ptr failure = at_work.failure()) std::rethrow_exception(failure);
  if (cancelled.load()) throw Interrupted();
}

}  // namespace octavo
