#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "guarded_memory.h"
#include "kernels/kernel_table.h"
#include "random.h"

namespace octavo::testing {

/// What the bytes of a product are: anything, or the ends of their ranges.
enum class Bytes { any, quantized, extreme, all_high, all_low };

inline constexpr std::array kBytes{Bytes::any, Bytes::quantized, Bytes::extreme, Bytes::all_high,
                                   Bytes::all_low};

const char* name_of(Bytes bytes);

/// Inputs and weights of an int8 product in guarded memory; the tails of rows and panels hold what must not
/// count.
class ProductBytes {
 public:
  ProductBytes(const PanelLayout& layout, Random& random) : layout_(layout), random_(random) {}

  void prepare(int rows, int inner, int columns, int input_gap, Bytes bytes);

  const std::uint8_t* input() const { return input_.data(); }
  std::ptrdiff_t input_stride() const { return input_stride_; }
  /// For the reference, and for the tier.
  const std::int8_t* weight() const { return weight_.data(); }
  const std::int8_t* packed() const { return packed_.data(); }
  /// The number of columns in whole panels.
  std::size_t padded_columns() const;

  /// Σ w of a column, and Σ q · w of a row and a column.
  std::int32_t weight_sum(std::size_t column) const;
  std::int64_t sum(int row, std::size_t column) const;

 private:
  void prepare_input(int rows, int input_gap, Bytes bytes);
  void prepare_weight(Bytes bytes);

  PanelLayout layout_;
  Random& random_;
  int inner_ = 0;
  int columns_ = 0;
  std::ptrdiff_t input_stride_ = 0;
  GuardedArray<std::uint8_t> input_;
  GuardedArray<std::int8_t> weight_;
  GuardedArray<std::int8_t> packed_;
};

}  // namespace octavo::testing
