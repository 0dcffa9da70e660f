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

/// What a tile fetches before it is needed, so that weights which no cache holds arrive while others are
/// multiplied: `lines` cache lines at each step.
struct Ahead {
  const char* from;
  int lines;
};

/// Where a product's weights lie.
struct Panels {
  const void* weight;
  int count;
  std::ptrdiff_t bytes;  // of a panel
  int step_bytes;        // of them that a step of the inner loop reads
};

/// The share of tile `index` of `tiles`: a part of the next panel; of an only tile, what lies a little
/// further on.
static inline Ahead ahead_of(const Panels& panels, int panel, int index, int tiles) {
  constexpr std::ptrdiff_t kDistance = 4096;
  const char* weight = static_cast<const char*>(panels.weight) + panels.bytes * panel;
  if (panel + 1 == panels.count) return {weight, 0};
  const int step_lines = panels.step_bytes < 64 ? 1 : panels.step_bytes / 64;
  if (tiles == 1) return {weight + (panels.bytes < kDistance ? panels.bytes : kDistance), step_lines};
  const int lines = (step_lines + tiles - 1) / tiles;
  const int before = lines * index;
  if (before >= step_lines) return {weight, 0};
  return {weight + panels.bytes + panels.bytes / step_lines * before, lines};
}

/// What a tile that fetches `Lines` lines does at each step, one of StepBytes.
template <int Lines, int StepBytes>
static inline void fetch(const char*& ahead) {
  constexpr int kStride = StepBytes < 64 ? StepBytes : 64;
  // What is soon needed goes to the first level, the next panel for other tiles to the second.
  constexpr int kLocality = Lines * kStride == StepBytes ? 3 : 2;
#pragma GCC unroll 4
  for (int line = 0; line < Lines; ++line) __builtin_prefetch(ahead + kStride * line, 0, kLocality);
  ahead += kStride * Lines;
}

/// Runs tile(row, rows, panel, ahead) over `rows` rows of a product, panel by panel, so that a panel's
/// weights stay in cache.
template <class Tile>
inline void for_each_tile(int rows, int tile_rows, const Panels& panels, Tile tile) {
  for (int panel = 0; panel < panels.count; ++panel) {
    for_each_row_tile(rows, tile_rows, [&](int row, int count, int index, int tiles) {
      tile(row, count, panel, ahead_of(panels, panel, index, tiles));
    });
  }
}

}  // namespace octavo::lanes16
