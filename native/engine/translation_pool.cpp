#include "engine/translation_pool.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <system_error>
#include <utility>

#include "base/errors.h"

namespace octavo {

namespace {

// A stream that is at work gets threads which have become free only when they have been free for so many
// steps: a team is not made anew for every sentence that comes and goes.
constexpr int kStepsBeforeGrowth = 16;

}  // namespace

TranslationPool::Stream::Stream(const Transformer& model, const Shortlist* shortlist,
                                const std::vector<AttentionHead>& heads)
    : search(model, shortlist, heads), team(std::make_unique<Team>(1)) {
  newcomers.reserve(search.most_sentences());
}

TranslationPool::TranslationPool(const Transformer& model, const Shortlist* shortlist,
                                 std::vector<AttentionHead> heads, int threads, int streams)
    : model_(model),
      shortlist_(shortlist),
      heads_(std::move(heads)),
      threads_(threads),
      stream_count_(static_cast<std::size_t>(streams)),
      cancelled_(std::make_exception_ptr(Cancelled())),
      too_late_(std::make_exception_ptr(TooLate())),
      no_memory_(std::make_exception_ptr(std::bad_alloc())),
      no_threads_(std::make_exception_ptr(Error("the system allows no more threads"))) {
  streams_.reserve(stream_count_);
}

TranslationPool::~TranslationPool() {
  stop();
  while (first_ready_) first_ready_ = std::move(first_ready_->progress.next_ready);  // not one in the other
}

/// Makes room for what becomes of a request, and its line.
void TranslationPool::prepare(const std::shared_ptr<Request>& request, bool is_collected) const {
  const std::size_t count = request->sources.size();
  Request::Progress& progress = request->progress;
  request->outcomes.resize(count);
  progress.stages.assign(count, Stage::waiting);
  progress.waiting = progress.unended = count;
  progress.is_collected = is_collected;
  if (is_collected) progress.ready.reserve(count);
  std::vector<Waiting> line;
  for (std::size_t i = 0; i < count; ++i) line.push_back(BatchSearch::waiting(model_.config, *request, i));
  progress.line = SentenceQueue(std::move(line));
}

/// Puts a request that is prepared into the queue. Throws std::bad_alloc with nothing added.
void TranslationPool::add(const std::shared_ptr<Request>& request) {
  Request::Progress& progress = request->progress;
  progress.pool = this;
  if (progress.unended == 0) return;
  std::list<std::shared_ptr<Request>> opened{request};
  if (request->deadline) progress.in_deadlines = deadlines_.emplace(*request->deadline, request.get());
  try {
    queue_.add(request);
  } catch (...) {
    if (progress.in_deadlines) deadlines_.erase(*progress.in_deadlines);
    throw;
  }
  progress.among_open = opened.begin();
  open_.splice(open_.end(), opened);
  submitted_ += progress.is_collected ? 1 : 0;
  if (progress.given_up) give_up(*request, cancelled_);
  wake_streams();
}

void TranslationPool::translate(const std::shared_ptr<Request>& request, const KeepGoing& keep_going,
                                bool polls) {
  used_ = true;
  prepare(request, false);
  {
    const std::lock_guard lock(mutex_);
    add(request);
  }
  wait(request, keep_going, polls);
  for (const Request::Outcome& outcome : request->outcomes) {
    if (outcome.failure) std::rethrow_exception(outcome.failure);
  }
}

void TranslationPool::wait(const std::shared_ptr<Request>& request, const KeepGoing& keep_going, bool polls) {
  Request::Progress& progress = request->progress;
  const auto has_ended = [&] { return progress.unended == 0; };
  for (bool first = true;; first = false) {
    const bool goes_on = (first && polls) || keep_going();
    if (abandoned_.load()) {  // this thread has forked, in keep_going; the child has no other
      static_cast<void>(new std::shared_ptr<Request>(request));  // lost threads may have been using it
      throw Error(kForked);
    }
    Lock lock(mutex_);
    if (!goes_on) {
      give_up(*request, cancelled_);
      throw Interrupted();
    }
    Clock::time_point until = polls ? Clock::now() + kPoll : Clock::time_point::max();
    if (request->deadline) until = std::min(until, *request->deadline);
    if (until == Clock::time_point::max()) {
      progress.all_ended.wait(lock, has_ended);
    } else {
      progress.all_ended.wait_until(lock, until, has_ended);
    }
    give_up_late();
    if (has_ended()) return;
  }
}

bool TranslationPool::submit(const std::shared_ptr<Request>& request, std::size_t most_tokens) {
  used_ = true;
  prepare(request, true);
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < request->sources.size(); ++i) tokens += request->tokens_of(i);
  const std::lock_guard lock(mutex_);
  give_up_late();
  if (queue_.sentences() > 0 && queue_.tokens() + tokens > most_tokens) return false;
  add(request);
  return true;
}

TranslationPool::Collected TranslationPool::collect(const KeepGoing& keep_going) {
  used_ = true;
  Lock lock(mutex_);
  while (first_ready_ == nullptr) {
    if (!keep_going() || (collecting_ends_ && submitted_ == 0)) return {};
    something_ready_.wait(lock);
  }
  std::shared_ptr<Request> request = std::move(first_ready_);
  Request::Progress& progress = request->progress;
  first_ready_ = std::move(progress.next_ready);
  if (first_ready_ == nullptr) last_ready_ = nullptr;
  const std::size_t first = std::exchange(progress.collected, progress.ready.size());
  return {request, {progress.ready.data() + first, progress.collected - first}};
}

void TranslationPool::finish_collecting() {
  const std::lock_guard lock(mutex_);
  collecting_ends_ = true;
  something_ready_.notify_all();
}

void TranslationPool::cancel(Request& request) {
  const std::lock_guard lock(mutex_);
  if (request.progress.pool == nullptr) request.progress.given_up = true;
  if (request.progress.pool == this) give_up(request, cancelled_);
}

void TranslationPool::cancel(Request& request, std::size_t sentence) {
  const std::lock_guard lock(mutex_);
  if (request.progress.pool != this || request.progress.stages.at(sentence) == Stage::ended) return;
  ++endings_;
  end(request, sentence, {{}, cancelled_});
}

void TranslationPool::cancel_all() {
  const std::lock_guard lock(mutex_);
  give_up_all(cancelled_);
}

void TranslationPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    give_up_all(cancelled_);
    stopping_ = true;
    for (const auto& stream : streams_) stream->wake.notify_all();
  }
  for (const auto& stream : streams_) stream->thread.join();
  const std::lock_guard lock(mutex_);
  streams_.clear();
  working_ = 0;
  stopping_ = false;
  wake_streams();
}

Activity TranslationPool::activity() const {
  const std::lock_guard lock(mutex_);
  Activity now = done_;
  now.waiting_sentences = queue_.sentences();
  now.waiting_tokens = queue_.tokens();
  now.rows = stream_count_ * model_.stream_rows;
  for (const auto& stream : streams_) {
    now.sentences_under_way += stream->sentences;
    now.rows_in_use += stream->rows;
  }
  return now;
}

/// Has as many streams at work as there are sentences that wait, or all; starts those that there are not yet.
/// Where none can be started, what waits fails.
void TranslationPool::wake_streams() {
  if (stopping_) return;
  std::size_t wanted = queue_.sentences();
  for (const auto& stream : streams_) {
    if (wanted == 0) return;
    if (stream->state != Stream::State::idle) continue;
    stream->state = Stream::State::working;
    ++working_;
    --wanted;
    stream->wake.notify_one();
  }
  std::exception_ptr failure;
  try {
    for (const auto& stream : streams_) {
      if (wanted == 0) return;
      if (stream->state != Stream::State::dead) continue;
      stream->thread.join();
      start(*stream);
      --wanted;
    }
    while (wanted > 0 && streams_.size() < stream_count_) {
      auto stream = std::make_unique<Stream>(model_, shortlist_, heads_);
      start(*stream);
      streams_.push_back(std::move(stream));
      --wanted;
    }
    return;
  } catch (const std::system_error&) {
    failure = no_threads_;
  } catch (const std::bad_alloc&) {
    failure = no_memory_;
  }
  if (working_ == 0) give_up_all(failure);
}

void TranslationPool::start(Stream& stream) {
  stream.thread = std::thread(&TranslationPool::serve, this, std::ref(stream));
  stream.state = Stream::State::working;
  ++working_;
}

/// A stream's thread.
void TranslationPool::serve(Stream& stream) {
  const bool is_prepared = prepare_for_exceptions();
  Lock lock(mutex_);
  if (!is_prepared) return die(stream);
  while (!stopping_) {
    if (stream.state == Stream::State::working) {
      work(stream, lock);
    } else {
      stream.wake.wait(lock);
    }
  }
}

/// A stream's thread has no memory for exceptions, so it does nothing. Others that are idle do the work.
void TranslationPool::die(Stream& stream) {
  stream.state = Stream::State::dead;
  --working_;
  for (const auto& other : streams_) {
    if (other->state != Stream::State::idle || stopping_) continue;
    other->state = Stream::State::working;
    ++working_;
    other->wake.notify_one();
    return;
  }
  if (working_ == 0) give_up_all(no_memory_);
}

/// Works until nothing waits and nothing is under way. Between two steps it holds the lock: what has ended is
/// handed over, what nobody wants any more goes, and newcomers are taken.
void TranslationPool::work(Stream& stream, Lock& lock) {
  for (bool has_woken = true;; has_woken = false) {
    settle(stream);
    if (!stopping_) {
      queue_.take(stream.search.room(queue_.is_urgent()), share_of(queue_.sentences(), stream_count_),
                  stream.newcomers);
    }
    note_rows(stream);
    if (stream.sentences == 0) break;
    const int threads = threads_for(stream);
    ++done_.steps;
    lock.unlock();
    stream.search.ended().clear();
    fit_team(stream, threads, has_woken);
    stream.search.step(stream.newcomers, *stream.team);
    stream.newcomers.clear();
    lock.lock();
  }
  stream.search.ended().clear();
  stream.state = Stream::State::idle;
  --working_;
}

void TranslationPool::settle(Stream& stream) {
  for (BatchSearch::Ended& ended : stream.search.ended()) {
    Request& request = *ended.request;
    if (ended.outcome.failure) {
      give_up(request, ended.outcome.failure);
    } else if (request.progress.stages[ended.index] != Stage::ended) {
      ++done_.sentences;
      done_.source_tokens += request.tokens_of(ended.index);
      const std::vector<Hypothesis>& found = ended.outcome.hypotheses;
      done_.target_tokens += found.empty() ? 0 : found.front().tokens.size();
      end(request, ended.index, std::move(ended.outcome));
    }
  }
  give_up_late();
  if (std::exchange(stream.endings, endings_) == endings_) return;
  stream.search.drop([](const Request& request, std::size_t sentence) {
    return request.progress.stages[sentence] == Stage::ended;
  });
}

void TranslationPool::note_rows(Stream& stream) {
  stream.sentences = stream.search.sentences() + stream.newcomers.size();
  stream.rows = stream.search.rows();
  for (const Taken& taken : stream.newcomers) stream.rows += taken.sentence.rows;
}

/// The stream's share of the threads.
int TranslationPool::threads_for(const Stream& stream) const {
  int before = 0;
  for (const auto& other : streams_) {
    if (other.get() == &stream) break;
    before += other->state == Stream::State::working ? 1 : 0;
  }
  const auto working = static_cast<int>(working_);
  return threads_ / working + (before < threads_ % working ? 1 : 0);
}

/// Makes the stream another team where it has too many threads or, `at_once` or after some steps, too few.
void TranslationPool::fit_team(Stream& stream, int threads, bool at_once) {
  const bool has_few = threads > stream.team_threads;
  if (has_few && !at_once && ++stream.steps_with_few < kStepsBeforeGrowth) return;
  stream.steps_with_few = 0;
  if (threads == stream.team_threads) return;
  try {
    stream.team = std::make_unique<Team>(threads);
    stream.team_threads = threads;
  } catch (const std::bad_alloc&) {  // the team that there is does the work
  }
}

/// A sentence that has not ended does now.
void TranslationPool::end(Request& request, std::size_t sentence, Request::Outcome outcome) {
  Request::Progress& progress = request.progress;
  if (progress.stages[sentence] == Stage::waiting) {
    queue_.forget(request, sentence);
  } else {
    progress.stages[sentence] = Stage::ended;
  }
  request.outcomes[sentence] = std::move(outcome);
  if (progress.is_collected) {
    const bool is_first = progress.ready.size() == progress.collected;
    progress.ready.push_back(sentence);
    if (is_first) make_ready(*progress.among_open);
  }
  if (--progress.unended > 0) return;
  if (progress.in_deadlines) deadlines_.erase(*progress.in_deadlines);
  submitted_ -= progress.is_collected ? 1 : 0;
  progress.all_ended.notify_all();
  open_.erase(progress.among_open);
}

/// A request has something to collect.
void TranslationPool::make_ready(const std::shared_ptr<Request>& request) {
  (last_ready_ == nullptr ? first_ready_ : last_ready_->progress.next_ready) = request;
  last_ready_ = request.get();
  something_ready_.notify_one();
}

/// Ends all that is left of a request, which somebody else holds too.
void TranslationPool::give_up(Request& request, const std::exception_ptr& failure) {
  Request::Progress& progress = request.progress;
  ++endings_;
  for (std::size_t i = 0; i < progress.stages.size() && progress.unended > 0; ++i) {
    if (progress.stages[i] != Stage::ended) end(request, i, {{}, failure});
  }
}

void TranslationPool::give_up_late() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= Clock::now()) {
    const std::shared_ptr<Request> request = *deadlines_.begin()->second->progress.among_open;
    give_up(*request, too_late_);
  }
}

void TranslationPool::give_up_all(const std::exception_ptr& failure) {
  while (!open_.empty()) {
    const std::shared_ptr<Request> request = open_.front();
    give_up(*request, failure);
  }
  something_ready_.notify_all();
}

}  // namespace octavo
