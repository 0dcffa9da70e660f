#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/team.h"
#include "decoding/batch_search.h"
#include "engine/keep_going.h"

namespace octavo {

/// What a pool is doing, and what it has done since it was made.
struct Activity {
  std::size_t waiting_sentences = 0;
  std::size_t waiting_tokens = 0;  // of sources, EOS with them
  std::size_t sentences_under_way = 0;
  std::size_t rows_in_use = 0;      // decoder rows that these count as
  std::size_t rows = 0;             // that all streams have
  std::uint64_t steps = 0;          // decoding steps of all streams
  std::uint64_t sentences = 0;      // translated
  std::uint64_t source_tokens = 0;  // of these
  std::uint64_t target_tokens = 0;  // of their best hypotheses
};

/// Streams that translate the sentences of one queue, which any thread may add to. A stream is a thread with
/// memory of its own; it is started when there is work for it and stays. Where fewer streams are at work than
/// there are threads, several threads work on each.
class TranslationPool {
 public:
  /// `shortlist` may be null; `heads` are those that align, or none.
  TranslationPool(const Transformer& model, const Shortlist* shortlist, std::vector<AttentionHead> heads,
                  int threads, int streams);
  TranslationPool(const TranslationPool&) = delete;
  TranslationPool& operator=(const TranslationPool&) = delete;
  ~TranslationPool();

  /// Translates a request that has passed its checks, and waits for it. Throws why there is no translation,
  /// the first of several reasons: Error, std::bad_alloc, Cancelled, TooLate; or Interrupted. `keep_going`
  /// is asked every 50 ms where it `polls`, else only before the thread waits and when it is woken.
  void translate(const std::shared_ptr<Request>& request, const KeepGoing& keep_going, bool polls);

  /// Puts a request that has passed its checks into the queue, for collect(). False: nothing is done, since
  /// more than `most_tokens` would wait, others before these.
  bool submit(const std::shared_ptr<Request>& request, std::size_t most_tokens);

  /// Sentences that have ended, of one request that was submitted.
  struct Collected {
    std::shared_ptr<Request> request;
    std::span<const std::size_t> sentences;
  };

  /// Waits for some. None: nothing more will come, or `keep_going` says no, which is asked before the thread
  /// waits and when it is woken. For one thread at a time.
  Collected collect(const KeepGoing& keep_going);
  /// collect() returns once nothing is left that was submitted.
  void finish_collecting();

  /// Gives up all sentences of a request, or one: they end now, as Cancelled. One that is not begun yet ends
  /// when it is; one of another pool, which the process had before a fork, stays as it is.
  void cancel(Request& request);
  void cancel(Request& request, std::size_t sentence);
  /// Gives up everything, and wakes whoever waits.
  void cancel_all();
  /// The same, and ends the streams. They start again where there is work again. For one thread at a time.
  void stop();

  Activity activity() const;

  /// Whether nothing was ever put into the queue.
  bool is_unused() const { return !used_.load(); }
  /// In a child process that a fork has made: the streams and other threads' calls are not there, and nothing
  /// here can be used or freed any more.
  void abandon() { abandoned_.store(true); }

 private:
  struct Stream {
    Stream(const Transformer& model, const Shortlist* shortlist, const std::vector<AttentionHead>& heads);

    enum class State : std::uint8_t { idle, working, dead };

    BatchSearch search;
    std::unique_ptr<Team> team;
    int team_threads = 1;    // that were asked for
    int steps_with_few = 0;  // in a row, for which there were more threads than the team has
    std::vector<Taken> newcomers;
    State state = State::idle;
    std::uint64_t endings = 0;  // seen
    std::size_t sentences = 0;  // under way
    std::size_t rows = 0;       // that these count as
    std::condition_variable wake;
    std::thread thread;
  };
  using Stage = Request::Progress::Stage;
  using Lock = std::unique_lock<std::mutex>;

  void prepare(const std::shared_ptr<Request>& request, bool is_collected) const;
  void add(const std::shared_ptr<Request>& request);
  void wait(const std::shared_ptr<Request>& request, const KeepGoing& keep_going, bool polls);

  void wake_streams();
  void start(Stream& stream);
  void serve(Stream& stream);
  void die(Stream& stream);
  void work(Stream& stream, Lock& lock);
  void settle(Stream& stream);
  static void note_rows(Stream& stream);
  int threads_for(const Stream& stream) const;
  static void fit_team(Stream& stream, int threads, bool at_once);

  void end(Request& request, std::size_t sentence, Request::Outcome outcome);
  void give_up(Request& request, const std::exception_ptr& failure);
  void give_up_late();
  void give_up_all(const std::exception_ptr& failure);
  void make_ready(const std::shared_ptr<Request>& request);

  const Transformer& model_;
  const Shortlist* shortlist_;
  const std::vector<AttentionHead> heads_;
  const int threads_;
  const std::size_t stream_count_;
  const std::exception_ptr cancelled_;
  const std::exception_ptr too_late_;
  const std::exception_ptr no_memory_;
  const std::exception_ptr no_threads_;

  std::atomic<bool> used_ = false;
  std::atomic<bool> abandoned_ = false;
  mutable std::mutex mutex_;  // guards the rest, and what requests note of their progress
  RequestQueue queue_;
  std::list<std::shared_ptr<Request>> open_;  // those with a sentence that has not ended
  std::multimap<Clock::time_point, Request*> deadlines_;
  std::vector<std::unique_ptr<Stream>> streams_;  // those that have been started
  std::size_t working_ = 0;                       // of them
  bool stopping_ = false;
  std::uint64_t endings_ = 0;             // how often sentences ended that may be under way
  std::size_t submitted_ = 0;             // requests for collect() that are open
  std::shared_ptr<Request> first_ready_;  // requests with something to collect
  Request* last_ready_ = nullptr;
  std::condition_variable something_ready_;
  bool collecting_ends_ = false;
  Activity done_;
};

}  // namespace octavo
