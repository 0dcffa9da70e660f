#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace octavo {

/// Throws Error unless `threads` is from 1 to 1024: what one call may ask for.
void check_threads(int threads);

/// Threads that share each piece of work of one stream. They look for it all the time, and sleep when there
/// was none for some milliseconds. Parts that a thread does not come to, because the system has put it aside,
/// the others do.
class Team {
 public:
  /// `size` counts the thread that calls run. Fewer where the system has no more threads or no
  /// memory for them. Throws std::bad_alloc only where none has been started.
  explicit Team(int size);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team();

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  /// Calls work(part) for every part from 0 to parts - 1, at most 65535, and returns when all are done.
  /// Throws one of the exceptions that they have thrown.
  template <class Work>
  void run(int parts, Work&& work) {
    task_ = {[](void* context, int part) { (*static_cast<std::remove_reference_t<Work>*>(context))(part); },
             &work};
    share(parts);
  }

 private:
  struct Task {
    void (*call)(void* context, int part) = nullptr;
    void* context = nullptr;
  };

  void share(int parts);
  void announce(int parts);
  bool take_part();
  void do_part(int part);
  void serve();

  Task task_;  // of the current round; changed only when all its parts are done
  /// The round in the high half, then its number of parts, then the next part, 16 bits each.
  std::atomic<std::uint64_t> ticket_ = 0;
  std::atomic<int> done_ = 0;
  std::atomic<bool> dissolved_ = false;
  std::mutex failing_;
  std::exception_ptr failure_;  // of the current round
  std::vector<std::jthread> threads_;
};

}  // namespace octavo
