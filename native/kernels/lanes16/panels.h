#pragma once

#include <cstddef>

// What is not a template over a tier's own type is static: the linker must not keep one tier's copy for all.

namespace octavo::lanes16 {

/// Runs tile(row, rows, index, tiles) over `count` rows in as few tiles of at most `tile_rows` as there can
/// be, whose sizes differ by at most one: a small last tile would leave the multipliers idle.
template <class Tile>
inline void for_each_row_tile(int count, int tile_rows, Tile tile) {
  const int tiles = (count + tile_rows - 1) / tile_rows;
  for (int row = 0, index = 0; index < tiles; ++index) {
    const int rows = (count - row + tiles - index - 1) / (tiles - index);
    tile(row, rows, index, tiles);
    row += rows;
  }
}

/// What a tile fetches of the next panel, so that weights which no cache holds arrive while others are
/// multiplied: `lines` cache lines at each step.
struct Ahead {
  const char* from;
  int lines;
};

/// The share of tile `index` of `tiles` >= 2, at most half of the lines of a step each. A step reads
/// `step_bytes` of its own panel.
static inline Ahead share_of_next(const char* next_panel, std::ptrdiff_t panel_bytes, int step_bytes,
                                  int index, int tiles) {
  const int step_lines = step_bytes < 64 ? 1 : step_bytes / 64;
  const int lines = (step_lines + tiles - 1) / tiles;
  const int before = lines * index;
  if (before >= step_lines) return {next_panel, 0};
  return {next_panel + panel_bytes / step_lines * before, lines};
}

/// What a tile that fetches `Lines` lines does at each step, one of StepBytes.
template <int Lines, int StepBytes>
static inline void fetch(const char*& ahead) {
  constexpr int kStride = StepBytes < 64 ? StepBytes : 64;
#pragma GCC unroll 2
  for (int line = 0; line < Lines; ++line) __builtin_prefetch(ahead + kStride * line, 0, 2);
  ahead += kStride * Lines;
}

/// Where a product's weights lie.
struct Panels {
  const void* weight;
  int count;
  std::ptrdiff_t bytes;  // of a panel
  int step_bytes;        // of them that a step of the inner loop reads
};

/// Runs tile(row, rows, panel, ahead) over `rows` rows of a product, panel by panel, so that a panel's
/// weights stay in cache.
template <class Tile>
inline void for_each_tile(int rows, int tile_rows, const Panels& panels, Tile tile) {
  const char* next_panel = static_cast<const char*>(panels.weight);
  for (int panel = 0; panel < panels.count; ++panel) {
    next_panel += panels.bytes;
    // A single tile only waits for weights: the processor's own prefetching does better.
    const bool fetches = panel + 1 < panels.count && rows > tile_rows;
    for_each_row_tile(rows, tile_rows, [&](int row, int count, int index, int tiles) {
      Ahead ahead{nullptr, 0};
      if (fetches) ahead = share_of_next(next_panel, panels.bytes, panels.step_bytes, index, tiles);
      tile(row, count, panel, ahead);
    });
  }
}

}  // namespace octavo::lanes16
