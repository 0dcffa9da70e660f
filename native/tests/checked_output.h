#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iomanip>
#include <sstream>
#include <string>

#include "call.h"
#include "guarded_memory.h"

namespace octavo::testing {

/// The value's bits, in hex, and for a float its value too.
template <typename T>
std::string show(T value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  std::ostringstream text;
  text << "0x" << std::hex << std::setfill('0') << std::setw(2 * static_cast<int>(sizeof value)) << bits;
  text << std::dec << " (" << std::setprecision(9) << +value << ")";
  return text.str();
}

/// Equal bits, or both NaN: which NaN comes out is nobody's promise.
template <typename T>
bool same(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) && std::isnan(b)) return true;
  }
  return std::memcmp(&a, &b, sizeof a) == 0;
}

template <typename T>
[[noreturn]] void fail(const std::string& call, const std::string& place, T expected, T actual) {
  throw Mismatch(call + ": " + place + ": reference " + show(expected) + ", this tier " + show(actual));
}

/// An output array twice: what the reference writes and what the kernel under test writes. Everything around
/// the rows (before, between and behind them) is filled, and must come out as it was.
template <typename T>
class CheckedOutput {
 public:
  void shape(int rows, int width, std::ptrdiff_t stride) {
    rows_ = static_cast<std::size_t>(rows);
    width_ = static_cast<std::size_t>(width);
    stride_ = static_cast<std::size_t>(stride);
    const std::size_t count = kMargin + (rows_ - 1) * stride_ + width_;
    std::memset(static_cast<void*>(expected_.resize(count)), kFill, count * sizeof(T));
    std::memset(static_cast<void*>(actual_.resize(count)), kFill, count * sizeof(T));
  }

  T* expected() const { return expected_.data() + kMargin; }
  T* actual() const { return actual_.data() + kMargin; }

  /// Puts `value` in both, for outputs that are also read.
  void preset(std::size_t row, std::size_t column, T value) {
    expected()[row * stride_ + column] = value;
    actual()[row * stride_ + column] = value;
  }

  void verify(const std::string& call, const char* name) const {
    T untouched;
    std::memset(static_cast<void*>(&untouched), kFill, sizeof untouched);
    for (std::size_t i = 0; i < actual_.size(); ++i) {
      const std::size_t place = i - kMargin;
      const bool inside = i >= kMargin && place % stride_ < width_;
      const T expected = inside ? expected_[i] : untouched;
      if (same(expected, actual_[i])) continue;
      std::ostringstream where;
      if (i < kMargin) {
        where << kMargin - i << " before " << name;
      } else {
        where << name << "[row " << place / stride_ << ", column " << place % stride_ << "]";
        if (!inside) where << ", behind the row";
      }
      fail(call, where.str(), expected, actual_[i]);
    }
  }

 private:
  static constexpr std::size_t kMargin = 64;
  static constexpr int kFill = 0xa5;

  std::size_t rows_ = 0;
  std::size_t width_ = 0;
  std::size_t stride_ = 1;
  GuardedArray<T> expected_;
  GuardedArray<T> actual_;
};

}  // namespace octavo::testing
