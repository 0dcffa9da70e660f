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

/// Of one call, in a round of at least 2 ms. Allocates nothing.
template <class Work>
double nanoseconds_in_a_round(Work work) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::nanoseconds kRound = std::chrono::milliseconds(2);
  std::chrono::nanoseconds spent{0};
  long calls = 0;
  work();  // warms caches and page tables
  for (long batch = 1; spent < kRound; batch *= 2) {
    const auto start = Clock::now();
    for (long i = 0; i < batch; ++i) work();
    spent += Clock::now() - start;
    calls += batch;
  }
  return static_cast<double>(spent.count()) / static_cast<double>(calls);
}

template <class Work>
Timing time_calls(Work work, int rounds) {
  std::vector<double> found;
  for (int round = 0; round < rounds; ++round) found.push_back(nanoseconds_in_a_round(work));
  std::sort(found.begin(), found.end());
  return {found[found.size() / 2], found.front()};
}

/// The median of five rounds.
template <class Work>
double nanoseconds_per_call(Work work) {
  return time_calls(work, 5).median;
}

}  // namespace octavo
