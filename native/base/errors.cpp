#include "base/errors.h"

#include <cstdlib>
#include <exception>

namespace octavo {

bool prepare_for_exceptions() noexcept {
  constexpr std::size_t kRoom = 4096;  // more than the C library takes for the state of exceptions
  void* const volatile room = std::malloc(kRoom);  // volatile, or the compiler leaves the attempt out
  if (room == nullptr) return false;
  std::free(room);
  return std::uncaught_exceptions() >= 0;  // to ask makes that state
}

}  // namespace octavo
