#pragma once

#include <chrono>
#include <exception>
#include <functional>

namespace octavo {

/// Asked now and then on the thread that made a call; false interrupts it.
using KeepGoing = std::function<bool()>;

/// How often it is asked.
constexpr std::chrono::milliseconds kPoll{50};

/// Thrown by a call that was interrupted.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Why there is no translation: the caller wants none any more.
class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "the call was cancelled"; }
};

/// Why there is no translation: the time that the caller gave is over.
class TooLate : public std::exception {
 public:
  const char* what() const noexcept override { return "the time that was given for the call is over"; }
};

constexpr const char* kForked =
    "the process forked in the middle of this call, so the child cannot end it; call again";

}  // namespace octavo
