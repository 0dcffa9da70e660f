#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"

// What the kernels of integer precision are handed: docs/numerics.md, "Integer precision". No floats.

namespace octavo {

/// Factors that int32 are re-scaled by, one for each column, padded to whole panels: shift((x << left) · m,
/// 32 + shift), 1 <= shift <= 22, x << left within int32. Null `left`: 0 for every column.
struct Factors {
  const std::int32_t* multiplier = nullptr;
  const std::int32_t* shift = nullptr;
  const std::int32_t* left = nullptr;

  /// The same for the columns from `column` on.
  Factors from_column(std::ptrdiff_t column) const {
    return {multiplier + column, shift + column, left == nullptr ? nullptr : left + column};
  }
};

/// Where a product of integers goes: exactly one of the three pointers is set.
struct IntegerTarget {
  std::uint8_t* bytes = nullptr;     // y + zero_point, clamped to 0..255
  int zero_point = 128;              // 128, or 0 for what ReLU leaves
  std::int16_t* residual = nullptr;  // x = x + y, clamped to ±32767, in place
  std::int32_t* wide = nullptr;      // y itself
  std::ptrdiff_t stride = 0;         // elements from row to row

  /// The same for the columns from `column` on.
  IntegerTarget from_column(std::ptrdiff_t column) const {
    IntegerTarget rest = *this;
    if (rest.bytes != nullptr) rest.bytes += column;
    if (rest.residual != nullptr) rest.residual += column;
    if (rest.wide != nullptr) rest.wide += column;
    return rest;
  }
};

/// y = (Σ q · w + start) ⊗ factors: a product whose weights are packed as for ProductS8. `start`, bias - zero
/// point of the input · Σ weights, is padded to whole panels. No sum leaves int32, shifted left or not.
struct IntegerProduct {
  const std::uint8_t* input = nullptr;
  std::ptrdiff_t input_stride = 0;
  int rows = 0;
  int inner = 0;
  int columns = 0;
  const std::int8_t* weight = nullptr;
  const std::int32_t* start = nullptr;
  Factors factors;
  IntegerTarget target;
};

/// L1 layer norm of x[rows, n], 1 <= n <= 16384, rows n apart, to u8 around 128.
struct L1Norm {
  const std::int16_t* x = nullptr;
  int rows = 0;
  int n = 0;
  const std::int16_t* gain = nullptr;
  const std::int32_t* bias = nullptr;
  int shift = 1;  // 1 to 22
  std::uint8_t* output = nullptr;
  std::ptrdiff_t output_stride = 0;
};

/// Σ of one token's embedding and position: output = s16(row ⊗ (multiplier, shift) + position), -16 <= shift
/// <= 22.
struct EmbedInteger {
  const std::int8_t* row = nullptr;
  std::int32_t multiplier = 0;
  int shift = 0;
  const std::int16_t* position = nullptr;
  int n = 0;
  std::int16_t* output = nullptr;
};

/// What one head's polynomial attention is made of.
struct HeadPolynomial {
  std::int32_t bias = 0;                // in the scale of the scores
  std::int32_t delta = 0;               // a mantissa, or 0: none
  std::int32_t delta_shift = 1;         // e_δ: 1 or more
  std::int32_t context = 1 << 30;       // C's mantissa
  std::int32_t context_exponent = -30;  // and exponent
};

/// Polynomial attention to the same pages, positions and queries as `Attend`, all u8 around 128.
struct AttendPolynomial {
  const PageLayout* layout = nullptr;
  int queries = 0;
  const std::uint8_t* query = nullptr;  // [queries, heads · head_dim]
  std::ptrdiff_t query_stride = 0;
  const std::byte* const* pages = nullptr;
  int positions = 0;
  const std::int32_t* order = nullptr;  // what each query sees: as in Attend
  std::ptrdiff_t order_stride = 0;
  const std::int32_t* counts = nullptr;
  const std::uint16_t* visible = nullptr;
  std::ptrdiff_t visible_stride = 0;
  const HeadPolynomial* heads = nullptr;  // [heads]
  int degree = 3;                         // 1 to 4
  std::int32_t* scores = nullptr;         // scratch: kAttendScratchRows times `positions` rounded up to 64
  std::uint8_t* weights = nullptr;        // scratch: the same number
  std::uint8_t* output = nullptr;         // [queries, heads · head_dim], around 128
  std::ptrdiff_t output_stride = 0;
};

}  // namespace octavo
