#include "base/team.h"

#include <system_error>

namespace octavo {

namespace {

constexpr int kSpins = 4000;  // looks before the core is offered to others

/// Waits until `arrived` holds.
template <class Arrived>
void spin_until(Arrived arrived) {
  for (int spins = 0; !arrived(); ++spins) {
    if (spins < kSpins) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace

Team::Team(int size) {
  threads_.reserve(static_cast<std::size_t>(size));
  try {
    for (int i = 1; i < size; ++i) threads_.emplace_back(&Team::serve, this);
  } catch (const std::system_error&) {  // those that run do the work
  }
}

Team::~Team() { dissolved_.store(true, std::memory_order_relaxed); }

void Team::share(int parts) {
  done_.store(0, std::memory_order_relaxed);
  failure_ = nullptr;
  const std::uint64_t round = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store(round << 32 | static_cast<std::uint64_t>(parts) << 16, std::memory_order_release);
  while (take_part()) {
  }
  spin_until([this, parts] { return done_.load(std::memory_order_acquire) == parts; });
  if (failure_) std::rethrow_exception(failure_);
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
  while (!dissolved_.load(std::memory_order_relaxed)) {
    spin_until([this] { return take_part() || dissolved_.load(std::memory_order_relaxed); });
  }
}

}  // namespace octavo
