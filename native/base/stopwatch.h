#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace octavo {

/// Nanoseconds that one call takes, in rounds of at least 2 ms each.
struct Timing {
  double median;
  double fastest;
};

template <class Work>
Timing time_calls(Work work, int rounds) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::nanoseconds kRound = std::chrono::milliseconds(2);
  std::vector<double> found;
  work();  // warms caches and page tables
  for (int round = 0; round < rounds; ++round) {
    std::chrono::nanoseconds spent{0};
    long calls = 0;
    for (long batch = 1; spent < kRound; batch *= 2) {
      const auto start = Clock::now();
      for (long i = 0; i < batch; ++i) work();
      spent += Clock::now() - start;
      calls += batch;
    }
    found.push_back(static_cast<double>(spent.count()) / static_cast<double>(calls));
  }
  std::sort(found.begin(), found.end());
  return {found[found.size() / 2], found.front()};
}

/// The median of five rounds.
template <class Work>
double nanoseconds_per_call(Work work) {
  return time_calls(work, 5).median;
}

}  // namespace octavo
