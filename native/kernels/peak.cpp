#include "kernels/peak.h"

#include <algorithm>
#include <barrier>
#include <system_error>
#include <thread>
#include <vector>

#include "base/errors.h"
#include "base/stopwatch.h"
#include "base/team.h"
#include "kernels/peak_loops.h"
#include "kernels/registry.h"

namespace octavo {

namespace {

constexpr int kRounds = 20;

/// The fastest round counts, all threads in it: a peak is what nothing has disturbed.
double gmacs(void (*loop)(), double macs, int threads) {
  if (loop == nullptr) return 0;
  const auto count = static_cast<std::size_t>(threads);
  std::vector<double> rates(count);
  std::barrier start(threads);
  double fastest = 0;
  const auto measure = [&](std::size_t thread) {
    for (int round = 0; round < kRounds; ++round) {
      start.arrive_and_wait();
      rates[thread] = macs / nanoseconds_in_a_round(loop);
      start.arrive_and_wait();
      if (thread == 0) {
        double sum = 0;
        for (const double rate : rates) sum += rate;
        fastest = std::max(fastest, sum);
      }
    }
  };
  std::vector<std::jthread> others;
  others.reserve(count);
  try {
    for (std::size_t thread = 1; thread < count; ++thread) others.emplace_back(measure, thread);
  } catch (const std::exception& error) {  // std::system_error or std::bad_alloc
    for (std::size_t missing = others.size() + 1; missing <= count; ++missing) start.arrive_and_drop();
    others.clear();
    if (dynamic_cast<const std::system_error*>(&error) == nullptr) throw;
    throw Error("the system allows no more threads");
  }
  measure(0);
  others.clear();
  return fastest;
}

}  // namespace

Peak measure_peak(const std::string& tier, int threads) {
  const PeakLoops& loops = kernels_named(tier).peak;
  check_threads(threads);
  return {gmacs(loops.f32, loops.f32_macs, threads), gmacs(loops.s8, loops.s8_macs, threads)};
}

}  // namespace octavo
