#pragma once

#include <cstddef>

namespace octavo::lanes16 {

/// Runs tile(row, rows, panel) over a product: panel by panel, so that a panel's weights stay in cache,
/// and within it in blocks of at most `tile_rows` rows.
template <class Tile>
inline void for_each_tile(int rows, int columns, int tile_rows, int panel_columns, Tile tile) {
  const int panels = (columns + panel_columns - 1) / panel_columns;
  for (int panel = 0; panel < panels; ++panel) {
    for (int row = 0; row < rows; row += tile_rows) {
      tile(row, rows - row < tile_rows ? rows - row : tile_rows, panel);
    }
  }
}

}  // namespace octavo::lanes16
