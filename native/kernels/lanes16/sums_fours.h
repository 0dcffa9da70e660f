#pragma once

#include "kernels/lanes16/bare_product.h"
#include "kernels/lanes16/panels.h"
#include "kernels/scratch.h"

// Sums of u8 · s8 over panels of sixteen columns in groups of four inputs. A tier's type Fours is how it
// multiplies fours:
//   Integers   its sixteen int32 lanes
//   Bytes      64 s8, four for each lane, from memory on a cache line: Bytes::load
//   Four       four u8, in every lane: Four::repeat
//   Sums       begin as Integers; add(four, bytes) adds the products of each lane; total() are Integers;
//              keep() has the compiler take them for used
//   kOffset    what every byte is taken to be larger by in add: 128 where only u8 · u8 is to be had, else 0
//   kTileRows  as many rows' Sums as fit into the registers

namespace octavo::lanes16 {

inline constexpr int kFoursColumns = 16;
inline constexpr int kFoursBytes = 4 * kFoursColumns;  // of a group

/// What sums with `input`, of which `count` bytes are multiplied, come out too large by.
template <class Fours>
[[gnu::always_inline]] inline std::int32_t surplus(const std::uint8_t* input, std::ptrdiff_t count) {
  if constexpr (Fours::kOffset == 0) return 0;
  std::uint32_t sum = 0;
  for (std::ptrdiff_t k = 0; k < count; ++k) sum += input[k];
  return static_cast<std::int32_t>(sum * static_cast<std::uint32_t>(Fours::kOffset));
}

/// Sums [Rows, 16] of a panel. `surplus` is that of each row.
template <class Fours, int Rows, int Lines>
void tile_of_fours(const BareProduct& product, const std::int32_t* surplus, int row, int panel,
                   const char* ahead, std::int32_t* finished) {
  using Integers = typename Fours::Integers;
  const int groups = (product.inner + 3) / 4;
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(panel) * kFoursBytes * groups;
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::ptrdiff_t stride = product.input_stride;
  const Integers start = Integers::load(product.start + panel * kFoursColumns);
  typename Fours::Sums sums[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    sums[r] = typename Fours::Sums(Fours::kOffset == 0 ? start : start - Integers::all(surplus[row + r]));
  }
  for (int g = 0; g < groups; ++g, weight += kFoursBytes, input += 4) {
    fetch<Lines, kFoursBytes>(ahead);
    const auto bytes = Fours::Bytes::load(weight);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      // Each row's inputs are loaded after the row before: all at once would take registers from the sums.
      const std::uint8_t* x = input + r * stride;
      __asm__ volatile("" : "+r"(x));
      sums[r].add(Fours::Four::repeat(x), bytes);
      sums[r].keep();
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) sums[r].total().store(finished + kFoursColumns * r);
}

template <class Fours>
using TileOfFours = void (*)(const BareProduct&, const std::int32_t*, int, int, const char*, std::int32_t*);

/// The tile of `rows` rows, at most Rows.
template <class Fours, int Lines, int Rows = Fours::kTileRows>
inline TileOfFours<Fours> tile_of_rows(int rows) {
  if constexpr (Rows > 1) {
    if (rows < Rows) return tile_of_rows<Fours, Lines, Rows - 1>(rows);
  }
  return tile_of_fours<Fours, Rows, Lines>;
}

/// What linear_s8.h asks of products.
template <class Fours>
struct ProductsOfFours {
  static constexpr PanelLayout kLayout{.columns = kFoursColumns, .group = 4};

  template <class Use>
  static void for_each_tile(const BareProduct& product, const Use& use) {
    const int groups = (product.inner + 3) / 4;
    const Panels panels{.weight = product.weight,
                        .count = (product.columns + kFoursColumns - 1) / kFoursColumns,
                        .bytes = static_cast<std::ptrdiff_t>(kFoursBytes) * groups,
                        .step_bytes = kFoursBytes};
    std::int32_t* surpluses = nullptr;
    if constexpr (Fours::kOffset != 0) {
      surpluses = static_cast<std::int32_t*>(kernel_scratch(static_cast<std::size_t>(product.rows) * 4));
      for (int row = 0; row < product.rows; ++row) {
        surpluses[row] = surplus<Fours>(product.input + row * product.input_stride, 4 * groups);
      }
    }
    alignas(64) std::int32_t sums[Fours::kTileRows * kFoursColumns];
    lanes16::for_each_tile(
        product.rows, Fours::kTileRows, panels, [&](int row, int rows, int panel, const Ahead& ahead) {
          const auto tile = ahead.lines == 0 ? tile_of_rows<Fours, 0>(rows) : tile_of_rows<Fours, 1>(rows);
          tile(product, surpluses, row, panel, ahead.from, sums);
          use(row, rows, panel * kFoursColumns, sums);
        });
  }
};

}  // namespace octavo::lanes16
