#include "kernels/panels.h"

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

}  // namespace octavo
