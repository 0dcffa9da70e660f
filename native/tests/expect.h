#pragma once

#include <cstdio>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace octavo::testing {

/// Throws unless what `what` says holds.
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not so: " + what);
}

/// Runs checks in order and names each; the exit status is 1 at the first that throws.
inline int run_checks(std::span<const std::pair<const char*, void (*)()>> checks) {
  for (const auto& [name, check] : checks) {
    try {
      check();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "FAILED: %s: %s\n", name, error.what());
      return 1;
    }
    std::printf("%s\n", name);
  }
  return 0;
}

}  // namespace octavo::testing
