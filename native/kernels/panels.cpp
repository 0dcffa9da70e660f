#include "kernels/panels.h"

#include <algorithm>

#include "base/aligned_buffer.h"

namespace octavo {

namespace {

template <typename T>
void pack(const PanelLayout& layout, const T* weight, int count, int inner, int first_column, T* packed) {
  const std::size_t width = static_cast<std::size_t>(layout.columns);
  const std::size_t group = static_cast<std::size_t>(layout.group);
  const std::size_t panel_size = width * round_up(static_cast<std::size_t>(inner), group);
  for (std::size_t row = 0; row < static_cast<std::size_t>(count); ++row) {
    const std::size_t column = static_cast<std::size_t>(first_column) + row;
    T* panel = packed + column / width * panel_size + column % width * group;
    const T* source = weight + row * static_cast<std::size_t>(inner);
    for (std::size_t k = 0; k < static_cast<std::size_t>(inner); ++k) {
      panel[k / group * width * group + k % group] = source[k];
    }
  }
}

/// Copies channel by channel, a group at a time. `Group` is the layout's, if known, or 0.
template <std::size_t Group, typename T>
void select(const PanelLayout& layout, const T* packed, int inner, std::span<const std::int32_t> columns,
            T* selected) {
  const auto width = static_cast<std::size_t>(layout.columns);
  const std::size_t group = Group != 0 ? Group : static_cast<std::size_t>(layout.group);
  const std::size_t groups = (static_cast<std::size_t>(inner) + group - 1) / group;
  const std::size_t panel_size = width * groups * group;
  const auto start = [&](std::size_t column) { return column / width * panel_size + column % width * group; };
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const T* source = packed + start(static_cast<std::size_t>(columns[i]));
    T* target = selected + start(i);
    for (std::size_t g = 0; g < groups; ++g) {
      std::copy_n(source + g * width * group, group, target + g * width * group);
    }
  }
}

template <typename T>
void unpack(const PanelLayout& layout, const T* packed, int inner, int column, T* row) {
  const auto width = static_cast<std::size_t>(layout.columns);
  const auto group = static_cast<std::size_t>(layout.group);
  const auto size = static_cast<std::size_t>(inner);
  const auto n = static_cast<std::size_t>(column);
  const T* source = packed + n / width * width * round_up(size, group) + n % width * group;
  for (std::size_t k = 0; k < size; k += group, source += width * group) {
    std::copy_n(source, std::min(group, size - k), row + k);
  }
}

}  // namespace

std::size_t padded_columns(const PanelLayout& layout, int columns) {
  return round_up(static_cast<std::size_t>(columns), static_cast<std::size_t>(layout.columns));
}

std::size_t packed_size(const PanelLayout& layout, int columns, int inner) {
  return padded_columns(layout, columns) *
         round_up(static_cast<std::size_t>(inner), static_cast<std::size_t>(layout.group));
}

void pack_panels(const PanelLayout& layout, const float* weight, int count, int inner, int first_column,
                 float* packed) {
  pack(layout, weight, count, inner, first_column, packed);
}

void pack_panels(const PanelLayout& layout, const std::int8_t* weight, int count, int inner, int first_column,
                 std::int8_t* packed) {
  pack(layout, weight, count, inner, first_column, packed);
}

void select_columns(const PanelLayout& layout, const float* packed, int inner,
                    std::span<const std::int32_t> columns, float* selected) {
  if (layout.group == 1) {
    select<1>(layout, packed, inner, columns, selected);
  } else {
    select<0>(layout, packed, inner, columns, selected);
  }
}

void select_columns(const PanelLayout& layout, const std::int8_t* packed, int inner,
                    std::span<const std::int32_t> columns, std::int8_t* selected) {
  switch (layout.group) {
    case 4: return select<4>(layout, packed, inner, columns, selected);
    case 2: return select<2>(layout, packed, inner, columns, selected);
    default: return select<0>(layout, packed, inner, columns, selected);
  }
}

void unpack_column(const PanelLayout& layout, const float* packed, int inner, int column, float* row) {
  unpack(layout, packed, inner, column, row);
}

void unpack_column(const PanelLayout& layout, const std::int8_t* packed, int inner, int column,
                   std::int8_t* row) {
  unpack(layout, packed, inner, column, row);
}

}  // namespace octavo
