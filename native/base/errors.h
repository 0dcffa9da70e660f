#pragma once

#include <stdexcept>
#include <string>

namespace octavo {

/// What the core throws for a caller's mistake or a model it cannot run. The message is for people.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Has the calling thread allocate what its first exception needs; whoever starts a thread that may throw has
/// it call this first. The C library ends the process where it cannot allocate that when the exception is
/// thrown. False: there is no memory for it, and the thread must throw nothing.
bool prepare_for_exceptions() noexcept;

}  // namespace octavo
