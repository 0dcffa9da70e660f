#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"

namespace octavo::lanes16 {

/// The order of bytes in pages for products of fours, each byte as v - 128. Keys of a head: [head_dim / 4]
/// [16 positions][4 columns], so that a lane is a position; values: [16 / 4][columns][4 positions], so that a
/// lane is a column. Columns behind the last are zero. The side that is u8 is the query, whose 128 the key
/// sums, -128 · Σ (key - 128), take away, or the weights. `Own` is the type of bytes that has this order.
template <class Own>
struct OrderOfFours {
  static constexpr std::size_t kKeySumBytes = 64;
  using Weight = std::uint8_t;

  static std::size_t key_bytes(int head_dim) { return static_cast<std::size_t>(head_dim + 3) / 4 * 64; }
  static std::size_t value_bytes(int head_dim) { return static_cast<std::size_t>(head_dim + 15) / 16 * 256; }

  static void keep_keys(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* keys) {
    const int head_dim = layout.head_dim;
    for (int head = 0; head < layout.heads; ++head, keys += head_dim) {
      std::byte* lane = page + static_cast<std::size_t>(head) * key_bytes(head_dim) + 4 * place;
      int c = 0;
      for (; c + 4 <= head_dim; c += 4, lane += 64) {
        std::uint32_t four;
        __builtin_memcpy(&four, keys + c, sizeof four);
        put(lane, four ^ 0x80808080u);
      }
      if (c < head_dim) {
        const std::uint32_t valid = 0xffffffffu >> 8 * (4 - head_dim + c);
        put(lane, (first_bytes(keys + c, head_dim - c) ^ 0x80808080u) & valid);
      }
      put(page + layout.key_sums + static_cast<std::size_t>(head) * kKeySumBytes + 4 * place,
          static_cast<std::uint32_t>(-128 * Own::centred_sum(keys, head_dim)));
    }
  }

  /// One, two or three bytes as a word.
  static std::uint32_t first_bytes(const std::uint8_t* x, int count) {
    const int middle = count / 2;
    const int last = count - 1;
    return x[0] | static_cast<std::uint32_t>(x[middle]) << 8 * middle |
           static_cast<std::uint32_t>(x[last]) << 8 * last;
  }

 private:
  static void put(std::byte* target, std::uint32_t word) { __builtin_memcpy(target, &word, 4); }
};

}  // namespace octavo::lanes16
