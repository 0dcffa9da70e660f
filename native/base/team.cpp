#include "base/team.h"

#include <new>
#include <string>
#include <system_error>

#include "base/errors.h"

namespace octavo {

namespace {

constexpr int kSpins = 4000;       // looks before the core is offered to others
constexpr int kPatience = 20'000;  // looks before a thread goes to sleep: some milliseconds

/// What is done after look number `looks` that found nothing.
void pause_after(int looks) {
  if (looks < kSpins) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  } else {
    std::this_thread::yield();
  }
}

constexpr int kMostThreads = 1024;

}  // namespace

void check_threads(int threads) {
  if (threads < 1 || threads > kMostThreads)
    throw Error("threads must be from 1 to " + std::to_string(kMostThreads));
}

Team::Team(int size) {
  threads_.reserve(static_cast<std::size_t>(size));
  try {
    for (int i = 1; i < size; ++i) threads_.emplace_back(&Team::serve, this);
  } catch (const std::system_error&) {  // those that run do the work
  } catch (const std::bad_alloc&) {     // the same
  }
}

Team::~Team() {
  dissolved_.store(true, std::memory_order_relaxed);
  announce(0);
}

void Team::share(int parts) {
  done_.store(0, std::memory_order_relaxed);
  failure_ = nullptr;
  announce(parts);
  while (take_part()) {
  }
  for (int looks = 0; done_.load(std::memory_order_acquire) != parts; ++looks) pause_after(looks);
  if (failure_) std::rethrow_exception(failure_);
}

/// Begins a round, and wakes those that sleep.
void Team::announce(int parts) {
  const std::uint64_t round = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(round << 32 | static_cast<std::uint64_t>(parts) << 16, std::memory_order_release);
  ticket_.notify_all();
}

/// Does one part of the round. False: none is left.
bool Team::take_part() {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  do {
    if ((ticket & 0xffff) == (ticket >> 16 & 0xffff)) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel));
  do_part(static_cast<int>(ticket & 0xffff));
  return true;
}

void Team::do_part(int part) {
  try {
    task_.call(task_.context, part);
  } catch (...) {
    const std::lock_guard lock(failing_);
    failure_ = std::current_exception();
  }
  done_.fetch_add(1, std::memory_order_release);
}

void Team::serve() {
  if (!prepare_for_exceptions()) return;  // the others do the work
  for (int looks = 0;; ++looks) {
    const std::uint64_t seen = ticket_.load(std::memory_order_acquire);
    if (dissolved_.load(std::memory_order_relaxed)) return;
    if (take_part()) {
      looks = -1;
    } else if (looks < kPatience) {
      pause_after(looks);
    } else {
      ticket_.wait(seen, std::memory_order_acquire);  // returns at once where a round has begun since
      looks = -1;
    }
  }
}

}  // namespace octavo
