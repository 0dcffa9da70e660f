#pragma once

#include <algorithm>
#include <array>
#include <chrono>

namespace octavo::testing {

/// Nanoseconds that one call takes: the median of several rounds of at least 2 ms each.
template <class Work>
double nanoseconds_per_call(Work work) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::nanoseconds kRound = std::chrono::milliseconds(2);
  std::array<double, 5> rounds{};
  work();  // warms caches and page tables
  for (double& round : rounds) {
    std::chrono::nanoseconds spent{0};
    long calls = 0;
    for (long batch = 1; spent < kRound; batch *= 2) {
      const auto start = Clock::now();
      for (long i = 0; i < batch; ++i) work();
      spent += Clock::now() - start;
      calls += batch;
    }
    round = static_cast<double>(spent.count()) / static_cast<double>(calls);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[rounds.size() / 2];
}

}  // namespace octavo::testing
