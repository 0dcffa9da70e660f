#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace octavo {

inline constexpr std::size_t kCacheLineBytes = 64;

/// The smallest multiple of `multiple` that is at least `value`.
constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Cache-line-aligned storage of plain values that only grows. Growing discards the contents.
template <typename T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t count) { ensure(count); }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::move(other.data_)), capacity_(std::exchange(other.capacity_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  /// Makes room for `count` values. New storage is zeroed; padding may be read, so it must be defined.
  T* ensure(std::size_t count) {
    if (count > capacity_) grow(count);
    return data_.get();
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::size_t capacity() const { return capacity_; }

 private:
  struct Release {
    void operator()(T* pointer) const { ::operator delete(pointer, std::align_val_t{kCacheLineBytes}); }
  };

  void grow(std::size_t count) {
    const std::size_t grown = std::max(count, capacity_ + capacity_ / 2);
    if (grown > std::numeric_limits<std::size_t>::max() / sizeof(T) - kCacheLineBytes) throw std::bad_alloc();
    const std::size_t bytes = round_up(grown * sizeof(T), kCacheLineBytes);
    data_.reset(static_cast<T*>(::operator new(bytes, std::align_val_t{kCacheLineBytes})));
    std::memset(static_cast<void*>(data_.get()), 0, bytes);
    capacity_ = grown;
  }

  std::unique_ptr<T, Release> data_;
  std::size_t capacity_ = 0;
};

}  // namespace octavo
