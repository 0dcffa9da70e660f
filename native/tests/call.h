#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace octavo::testing {

/// The first difference found. what() names kernel, tier, shape, place and both values.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Notes the kernel call about to be made, so that a fault inside it can be reported by name.
void announce(const std::string& call);

/// From now on a memory fault prints the announced call and exits with status 1.
void report_faults();

/// "kernel [tier] name=value name=value ...", announced as soon as it is made.
template <typename... Parts>
std::string describe(const char* kernel, const char* tier, const Parts&... parts) {
  std::ostringstream text;
  text << kernel << " [" << tier << "]";
  (text << ... << parts);
  announce(text.str());
  return text.str();
}

}  // namespace octavo::testing
