#include "guarded_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace octavo::testing {

namespace {

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

GuardedMemory::~GuardedMemory() { release(); }

void GuardedMemory::release() {
  if (start_ != nullptr) munmap(start_, readable_bytes_ + page_bytes());
  start_ = nullptr;
  readable_bytes_ = 0;
}

std::byte* GuardedMemory::ending_at_guard(std::size_t bytes) {
  if (bytes + page_bytes() > readable_bytes_) {
    release();
    const std::size_t page = page_bytes();
    // A spare page in front, so that what lies before the array can be filled and checked.
    const std::size_t readable = (bytes + page - 1) / page * page + page;
    void* mapped = mmap(nullptr, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<std::byte*>(mapped);
    readable_bytes_ = readable;
    if (mprotect(start_ + readable, page, PROT_NONE) != 0) throw std::bad_alloc();
  }
  return start_ + readable_bytes_ - bytes;
}

}  // namespace octavo::testing
