#pragma once

#include <stdexcept>
#include <string>

namespace octavo {

/// What the core throws for a caller's mistake or a model it cannot run. The message is for people.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace octavo
