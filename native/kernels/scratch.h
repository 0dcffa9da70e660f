#pragma once

#include <cstddef>

namespace octavo {

/// `bytes` of this thread's own memory on a cache line, for a kernel's use until it returns. It only grows.
void* kernel_scratch(std::size_t bytes);

}  // namespace octavo
