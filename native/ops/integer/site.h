#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "kernels/integer_kernels.h"
#include "ops/products.h"

namespace octavo {

/// A tensor of u8 that integer products read: rows of `width`, value + zero point.
struct IntegerSite {
  int width = 0;
  int zero_point = 128;

  std::ptrdiff_t stride() const {
    return static_cast<std::ptrdiff_t>(round_up(static_cast<std::size_t>(width), kCacheLineBytes));
  }

  /// Where its producer stores rows.
  std::uint8_t* ensure(int rows, AlignedBuffer<std::uint8_t>& buffer) const {
    return buffer.ensure(static_cast<std::size_t>(rows * stride()));
  }

  /// What it stored there.
  ProductInput stored(int rows, const AlignedBuffer<std::uint8_t>& buffer) const {
    return {.rows = rows, .quantized = buffer.data(), .quantized_stride = stride()};
  }
};

}  // namespace octavo
