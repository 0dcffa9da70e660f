#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "checked_output.h"
#include "kernel_checks.h"
#include "kernels/registry.h"
#include "values.h"

namespace octavo::testing {

namespace {

constexpr std::array kLogitValues{Values::normal, Values::wide, Values::special,       Values::zeros,
                                  Values::equal,  Values::ties, Values::very_negative, Values::masked};

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Row lengths of logits: every edge, and vocabularies.
std::vector<int> vocabularies() {
  std::vector<int> sizes = lengths();
  for (const int n : {1000, 8000, 8001, 32003}) sizes.push_back(n);
  return sizes;
}

void fill_logits(GuardedArray<float>& x, int n, Values kind, Random& random) {
  x.resize(static_cast<std::size_t>(n));
  fill({x.data(), x.size()}, kind, random);
}

void compare_largest(const KernelTable& kernels, const GuardedArray<float>& x, const char* values) {
  const int n = static_cast<int>(x.size());
  const float expected = reference_kernels().largest(x.data(), n);
  const float actual = kernels.largest(x.data(), n);
  const bool right = actual == expected || (std::isnan(actual) && std::isnan(expected));
  if (!right) {
    fail(describe("largest", kernels.name, " n=", n, " values=", values), "result", expected, actual);
  }
}

void compare_log_sum_exp(const KernelTable& kernels, const GuardedArray<float>& x, const char* values) {
  const int n = static_cast<int>(x.size());
  const std::string call = describe("log_sum_exp", kernels.name, " n=", n, " values=", values);
  const float largest = reference_kernels().largest(x.data(), n);
  const float expected = reference_kernels().log_sum_exp(x.data(), n, largest);
  const float actual = kernels.log_sum_exp(x.data(), n, largest);
  if (!same(expected, actual)) fail(call, "result", expected, actual);
}

void compare_top_k(const KernelTable& kernels, const GuardedArray<float>& x, int k, const char* values) {
  const int n = static_cast<int>(x.size());
  const std::string call = describe("top_k", kernels.name, " n=", n, " k=", k, " values=", values);
  GuardedArray<ScoredToken> expected;
  GuardedArray<ScoredToken> actual;
  expected.resize(static_cast<std::size_t>(k));
  actual.resize(static_cast<std::size_t>(k));
  // In two parts: the second goes on with what the first has found.
  const auto run = [&](const KernelTable& table, ScoredToken* best) {
    const int half = n / 2;
    const int earlier = half > 0 ? table.top_k(x.data(), half, 0, k, 0, best) : 0;
    return table.top_k(x.data() + half, n - half, half, k, earlier, best);
  };
  const int expected_found = run(reference_kernels(), expected.data());
  const int found = run(kernels, actual.data());
  if (found != expected_found) fail(call, "number found", expected_found, found);
  for (std::size_t i = 0; i < static_cast<std::size_t>(found); ++i) {
    const std::string place = "best[" + std::to_string(i) + "]";
    if (expected[i].token != actual[i].token)
      fail(call, place + ".token", expected[i].token, actual[i].token);
    if (!same(expected[i].logit, actual[i].logit)) {
      fail(call, place + ".logit", expected[i].logit, actual[i].logit);
    }
  }
}

}  // namespace

int check_largest(const KernelTable& kernels, Random random) {
  GuardedArray<float> x;
  int calls = 0;
  for (const int n : vocabularies()) {
    for (const Values kind : kLogitValues) {
      fill_logits(x, n, kind, random);
      compare_largest(kernels, x, name_of(kind));
      const auto last = static_cast<std::size_t>(n - 1);
      for (const std::size_t place : {std::size_t{0}, last, last / 2}) {
        const float value = std::exchange(x[place], std::numeric_limits<float>::quiet_NaN());
        compare_largest(kernels, x, "with a NaN");
        x[place] = kInfinity;
        compare_largest(kernels, x, "with an infinity");
        x[place] = value;
      }
      calls += 7;
    }
    std::fill(x.begin(), x.end(), -kInfinity);
    compare_largest(kernels, x, "all -inf");
    ++calls;
  }
  return calls;
}

int check_log_sum_exp(const KernelTable& kernels, Random random) {
  GuardedArray<float> x;
  int calls = 0;
  for (const int n : vocabularies()) {
    for (const Values kind : kLogitValues) {
      fill_logits(x, n, kind, random);
      compare_log_sum_exp(kernels, x, name_of(kind));
      ++calls;
    }
    fill_logits(x, n, Values::normal, random);
    x[0] = -kInfinity;
    compare_log_sum_exp(kernels, x, "normal, first -inf");
    std::fill(x.begin(), x.end(), -kInfinity);
    compare_log_sum_exp(kernels, x, "all -inf");
    calls += 2;
  }
  return calls;
}

int check_top_k(const KernelTable& kernels, Random random) {
  GuardedArray<float> x;
  int calls = 0;
  for (const int n : vocabularies()) {
    for (const Values kind : kLogitValues) {
      for (const int k : {1, 2, 8, random.integer(3, 40)}) {
        fill_logits(x, n, kind, random);
        compare_top_k(kernels, x, k, name_of(kind));
        x[static_cast<std::size_t>(random.integer(0, n - 1))] = std::numeric_limits<float>::quiet_NaN();
        compare_top_k(kernels, x, k, "with a NaN");
        calls += 2;
      }
    }
    // Rising logits displace every earlier choice; all -inf offers none.
    for (int i = 0; i < n; ++i) x[static_cast<std::size_t>(i)] = static_cast<float>(i / 2);
    compare_top_k(kernels, x, 8, "rising pairs");
    std::fill(x.begin(), x.end(), -kInfinity);
    compare_top_k(kernels, x, 8, "all -inf");
    calls += 2;
  }
  return calls;
}

}  // namespace octavo::testing
