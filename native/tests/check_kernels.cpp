// Checks every kernel of every tier against the reference, bit for bit, and with --bench times them.

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

#include "bench.h"
#include "call.h"
#include "kernel_checks.h"
#include "kernels/registry.h"

namespace octavo::testing {

namespace {

constexpr const char* kUsage =
    "usage: check_kernels [--tier NAME] [--seed N] [--list] [--bench]\n"
    "  --tier NAME  this tier only; an error when this CPU cannot run it\n"
    "  --seed N     another choice of shapes and values (default 1)\n"
    "  --list       the tiers and whether this CPU runs them, and the kernels\n"
    "  --bench      time the kernels instead of checking them\n";

struct Options {
  std::string tier;  // empty: all
  std::uint64_t seed = 1;
  bool list = false;
  bool bench = false;
};

/// Throws std::invalid_argument for what it does not know.
Options parse(int count, char** words) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const bool has_value = i + 1 < count;
    if (word == "--list") {
      options.list = true;
    } else if (word == "--bench") {
      options.bench = true;
    } else if (word == "--tier" && has_value) {
      options.tier = words[++i];
    } else if (word == "--seed" && has_value) {
      options.seed = std::stoull(words[++i]);
    } else {
      throw std::invalid_argument("what is '" + std::string(word) + "'?");
    }
  }
  return options;
}

void print_list() {
  for (const KernelTier& tier : kernel_tiers()) {
    std::printf("tier %s %s\n", tier.name.c_str(), tier.available() ? "available" : tier.reason.c_str());
  }
  for (const KernelCheck& check : kernel_checks()) std::printf("kernel %s\n", check.kernel);
}

void check_tier(const KernelTable& kernels, std::uint64_t seed) {
  for (const KernelCheck& check : kernel_checks()) {
    const int calls = check.run(kernels, Random(seed));
    std::printf("%-12s %-17s %6d calls equal the reference\n", kernels.name, check.kernel, calls);
    std::fflush(stdout);
  }
}

/// Says aloud which tiers were covered and which were not, and why.
void print_coverage(const Options& options) {
  for (const KernelTier& tier : kernel_tiers()) {
    const bool chosen = options.tier.empty() || options.tier == tier.name;
    const std::string state = !tier.available() ? "SKIPPED: " + tier.reason
                              : chosen          ? "COVERED"
                                                : "SKIPPED: not asked for";
    std::printf("tier %-12s %s\n", tier.name.c_str(), state.c_str());
  }
}

int run(const Options& options) {
  if (options.list) {
    print_list();
    return 0;
  }
  if (!options.tier.empty()) kernels_named(options.tier);
  for (const KernelTier& tier : kernel_tiers()) {
    const bool chosen = options.tier.empty() || options.tier == tier.name;
    // The reference is too slow to time unless it is asked for by name.
    const bool timed = tier.table.get() != &reference_kernels() || !options.tier.empty();
    if (!tier.available() || !chosen) continue;
    if (!options.bench) check_tier(*tier.table, options.seed);
    if (options.bench && timed) bench_tier(*tier.table);
  }
  if (!options.bench) print_coverage(options);
  return 0;
}

}  // namespace

}  // namespace octavo::testing

int main(int count, char** words) {
  using namespace octavo::testing;
  Options options;
  try {
    options = parse(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "check_kernels: %s\n%s", error.what(), kUsage);
    return 2;
  }
  report_faults();
  try {
    return run(options);
  } catch (const Mismatch& mismatch) {
    std::fprintf(stderr, "FAILED: %s (seed %llu)\n", mismatch.what(),
                 static_cast<unsigned long long>(options.seed));
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "check_kernels: %s\n", error.what());
    return 2;
  }
}
