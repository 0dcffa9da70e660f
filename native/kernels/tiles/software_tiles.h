#pragma once

#include <cstddef>
#include <cstdint>

namespace octavo::OCTAVO_TIER {

/// Tile registers in plain loops, for CPUs that have none: what tiles/block_sums.h asks of a type of tiles.
/// Eight registers, each of 16 rows of 64 bytes.
class Tiles {
 public:
  template <int kTile>
  void load(const void* rows, std::ptrdiff_t stride) {
    for (int r = 0; r < kRows; ++r) {
      __builtin_memcpy(bytes_[kTile][r], static_cast<const unsigned char*>(rows) + r * stride, kRowBytes);
    }
  }

  template <int kTile>
  void store(void* rows, std::ptrdiff_t stride) const {
    for (int r = 0; r < kRows; ++r) {
      __builtin_memcpy(static_cast<unsigned char*>(rows) + r * stride, bytes_[kTile][r], kRowBytes);
    }
  }

  /// sums[m][n] += Σ inputs[m][k] · weights[k / 4][n][k % 4], u8 · s8, modulo 2^32.
  template <int kSums, int kInputs, int kWeights>
  void multiply() {
    for (int m = 0; m < kRows; ++m) {
      std::uint32_t sums[kRows];
      __builtin_memcpy(sums, bytes_[kSums][m], sizeof sums);
      for (int k = 0; k < kRowBytes; ++k) {
        const std::int32_t input = bytes_[kInputs][m][k];
        const unsigned char* weights = bytes_[kWeights][k / 4] + k % 4;
        for (int n = 0; n < kRows; ++n) {
          sums[n] += static_cast<std::uint32_t>(input * static_cast<std::int8_t>(weights[4 * n]));
        }
      }
      __builtin_memcpy(bytes_[kSums][m], sums, sizeof sums);
    }
  }

 private:
  static constexpr int kRows = 16;
  static constexpr int kRowBytes = 64;

  alignas(64) unsigned char bytes_[8][kRows][kRowBytes];
};

}  // namespace octavo::OCTAVO_TIER
