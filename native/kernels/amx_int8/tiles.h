#pragma once

#if defined(OCTAVO_SOFTWARE_TILES)
#include "kernels/tiles/software_tiles.h"
#else
#include <cstddef>
#include <cstdint>

namespace octavo::OCTAVO_TIER {

/// AMX's tile registers; tiles/software_tiles.h spells out what each member does. A thread's tiles are
/// configured once, and again only where someone else has used them since. Compilers' own intrinsics do not
/// say that memory is read, so that the stores before could be moved behind them.
class Tiles {
 public:
  Tiles() {
    Shape now;
    __asm__ volatile("sttilecfg %0" : "=m"(now));
    const Shape wanted;
    if (__builtin_memcmp(&now, &wanted, sizeof wanted) != 0) __asm__ volatile("ldtilecfg %0" ::"m"(wanted));
  }

  template <int kTile>
  [[gnu::always_inline]] void load(const void* rows, std::ptrdiff_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  [[gnu::always_inline]] void store(void* rows, std::ptrdiff_t stride) const {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(rows), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kSums, int kInputs, int kWeights>
  [[gnu::always_inline]] void multiply() {
    __asm__ volatile("tdpbusd %%tmm%c0, %%tmm%c1, %%tmm%c2" ::"i"(kWeights), "i"(kInputs), "i"(kSums));
  }

 private:
  /// What ldtilecfg reads: all eight tiles are 16 rows of 64 bytes.
  struct Shape {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static_assert(sizeof(Shape) == 64);
};

}  // namespace octavo::OCTAVO_TIER
#endif
