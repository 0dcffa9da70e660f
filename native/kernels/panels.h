#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "kernels/kernel_table.h"

namespace octavo {

/// No tier's panel has more columns, and this is a multiple of each: what epilogues may read past the last
/// column is padded to it.
inline constexpr int kWidestPanel = 64;

/// Values that a packed weight of [columns, inner] occupies, tails included.
std::size_t packed_size(const PanelLayout& layout, int columns, int inner);

/// `columns` rounded up to whole panels.
std::size_t padded_columns(const PanelLayout& layout, int columns);

/// Packs rows of weight[count, inner] as output channels first_column, first_column + 1, ... of `packed`,
/// which must be zeroed and have room for packed_size(layout, all columns, inner).
void pack_panels(const PanelLayout& layout, const float* weight, int count, int inner, int first_column,
                 float* packed);
void pack_panels(const PanelLayout& layout, const std::int8_t* weight, int count, int inner, int first_column,
                 std::int8_t* packed);

/// Copies output channels of a packed weight, in this order, as channels 0, 1, ... of `selected`, which must
/// have room for packed_size(layout, channels, inner); its tails must be zero or hold earlier selections.
void select_columns(const PanelLayout& layout, const float* packed, int inner,
                    std::span<const std::int32_t> columns, float* selected);
void select_columns(const PanelLayout& layout, const std::int8_t* packed, int inner,
                    std::span<const std::int32_t> columns, std::int8_t* selected);

/// Writes output channel `column` of a packed weight as the row of `inner` values that was packed.
void unpack_column(const PanelLayout& layout, const float* packed, int inner, int column, float* row);
void unpack_column(const PanelLayout& layout, const std::int8_t* packed, int inner, int column,
                   std::int8_t* row);

/// As select_columns, of something that has a value for each channel: selected[i] = values[columns[i]], with
/// room for `padded` values.
template <typename T>
void select_values(const AlignedBuffer<T>& values, std::span<const std::int32_t> columns, std::size_t padded,
                   AlignedBuffer<T>& selected) {
  T* target = selected.ensure(padded);
  for (const std::int32_t column : columns) *target++ = values.data()[column];
}

}  // namespace octavo
