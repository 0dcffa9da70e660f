#pragma once

#include <cstddef>
#include <type_traits>

namespace octavo::testing {

/// Memory that ends at an unreadable page: touching one byte more is a fault, not a silent pass.
class GuardedMemory {
 public:
  GuardedMemory() = default;
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory();

  /// `bytes` bytes that end at the unreadable page. The earlier pointer is void when the memory has to grow.
  std::byte* ending_at_guard(std::size_t bytes);

 private:
  void release();

  std::byte* start_ = nullptr;
  std::size_t readable_bytes_ = 0;
};

/// An array in guarded memory. It is as aligned as its size allows.
template <typename T>
class GuardedArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  T* resize(std::size_t count) {
    data_ = reinterpret_cast<T*>(memory_.ending_at_guard(count * sizeof(T)));
    size_ = count;
    return data_;
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }
  T& operator[](std::size_t i) const { return data_[i]; }

 private:
  GuardedMemory memory_;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace octavo::testing
