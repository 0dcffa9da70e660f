#include "kernels/scratch.h"

#include "base/aligned_buffer.h"

namespace octavo {

void* kernel_scratch(std::size_t bytes) {
  thread_local AlignedBuffer<std::byte> scratch;
  return scratch.ensure(bytes);
}

}  // namespace octavo
