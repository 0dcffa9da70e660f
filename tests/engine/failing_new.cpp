// Preloaded: replaces operator new, and lets one allocation, or all from it on, fail.

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> granted = -1;  // allocations until then; negative: none fails
std::atomic<bool> refused = false;

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (granted.load() >= 0 && granted.fetch_sub(1) == 0) {
    refused = true;
    throw std::bad_alloc();
  }
  void* const memory = std::aligned_alloc(alignment, (bytes / alignment + 1) * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

/// Allocation number `number`, from 0 on, fails; a negative number: none.
extern "C" void fail_allocation(long number) {
  refused = false;
  granted = number;
}

/// Whether one has failed since.
extern "C" bool allocation_failed() { return refused; }

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
