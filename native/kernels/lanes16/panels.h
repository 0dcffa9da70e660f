#pragma once

#include <cstddef>

namespace octavo::lanes16 {

/// Runs tile(row, rows) over `count` rows in as few tiles of at most `tile_rows` as there can be, whose sizes
/// differ by at most one: a small last tile would leave the multipliers idle.
template <class Tile>
inline void for_each_row_tile(int count, int tile_rows, Tile tile) {
  int tiles = (count + tile_rows - 1) / tile_rows;
  for (int row = 0; row < count; --tiles) {
    const int rows = (count - row + tiles - 1) / tiles;
    tile(row, rows);
    row += rows;
  }
}

/// Runs tile(row, rows, panel) over a product, panel by panel, so that a panel's weights stay in cache.
template <class Tile>
inline void for_each_tile(int rows, int columns, int tile_rows, int panel_columns, Tile tile) {
  const int panels = (columns + panel_columns - 1) / panel_columns;
  for (int panel = 0; panel < panels; ++panel) {
    for_each_row_tile(rows, tile_rows, [&](int row, int count) { tile(row, count, panel); });
  }
}

}  // namespace octavo::lanes16
