#pragma once

#include "kernels/lanes16/order_fours.h"
#include "kernels/lanes16/sums_fours.h"

namespace octavo::lanes16 {

/// Attention over pages by a tier's products of fours, for lanes16/pages.h.
template <class Fours>
struct PagedFours : OrderOfFours<PagedFours<Fours>> {
  using Order = OrderOfFours<PagedFours<Fours>>;
  using Integers = typename Fours::Integers;
  using Sums = typename Fours::Sums;
  static constexpr int kPages = 1;
  static constexpr int kVectors = 1;
  static constexpr bool kKeepsFour = false;

  static int centred_sum(const std::uint8_t* x, int n) {
    int sum = 0;
    for (int c = 0; c < n; ++c) sum += x[c];
    return sum - 128 * n;
  }

  static void keep_values(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* row) {
    const int head_dim = layout.head_dim;
    const std::size_t head_bytes = Order::value_bytes(head_dim);
    std::byte* values =
        page + layout.values + static_cast<std::size_t>(place / 4) * (head_bytes / 4) + place % 4;
    for (int head = 0; head < layout.heads; ++head, row += head_dim, values += head_bytes) {
      for (int c = 0; c < head_dim; ++c) values[4 * c] = static_cast<std::byte>(row[c] ^ 0x80);
    }
  }

  template <class Tile, int Contexts>
  [[gnu::always_inline]] static void products(const Tile& tile, int page, Integers (&products)[Contexts][1]) {
    const int head_dim = tile.layout.head_dim;
    const std::size_t head_bytes = Order::key_bytes(head_dim);
    const auto head = static_cast<std::size_t>(tile.head);
    const auto* query = reinterpret_cast<const std::uint8_t*>(tile.query) + tile.column(0);
    const std::byte* keys = tile.pages[page] + head * head_bytes;
    const std::byte* key_sums = tile.pages[page] + tile.layout.key_sums + head * Order::kKeySumBytes;
    const auto query_of = [&](int i) {
      return query + i % Tile::kQueries * tile.query_stride + i / Tile::kQueries * head_dim;
    };
    Sums sums[Contexts];
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      const std::byte* start = key_sums + static_cast<std::size_t>(i / Tile::kQueries) * Order::kKeySumBytes;
      sums[i] = Sums(Integers::load(reinterpret_cast<const std::int32_t*>(start)) -
                     Integers::all(surplus<Fours>(query_of(i), head_dim)));
    }
    const auto add = [&](int c, auto four_of) {
      typename Fours::Bytes bytes{};
#pragma GCC unroll 4
      for (int i = 0; i < Contexts; ++i) {
        if (i % Tile::kQueries == 0) {
          bytes =
              Fours::Bytes::load(keys + static_cast<std::size_t>(i / Tile::kQueries) * head_bytes + 16 * c);
        }
        sums[i].add(four_of(query_of(i) + c), bytes);
      }
    };
    const int whole = head_dim / 4 * 4;
    for (int c = 0; c < whole; c += 4) {
      add(c, [](const std::uint8_t* x) { return Fours::Four::repeat(x); });
    }
    if (whole < head_dim) {
      add(whole, [&](const std::uint8_t* x) {
        const std::uint32_t word = Order::first_bytes(x, head_dim - whole);
        return Fours::Four::repeat(&word);
      });
    }
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) products[i][0] = sums[i].total();
  }

  [[gnu::always_inline]] static void store_weights(Integers weights, std::uint8_t* target) {
    weights.store_u8(target, Integers::kLanes);
  }

  template <class Tile, int Contexts>
  [[gnu::always_inline]] static void weighted_sums(const Tile& tile, int column,
                                                   Integers (&totals)[Contexts][1]) {
    const std::size_t head_bytes = Order::value_bytes(tile.layout.head_dim);
    const std::size_t offset = tile.layout.values + static_cast<std::size_t>(tile.head) * head_bytes +
                               4 * static_cast<std::size_t>(column);
    const std::uint8_t* weights = tile.weights;
    Sums sums[Contexts];
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      const std::ptrdiff_t positions = static_cast<std::ptrdiff_t>(tile.page_count) * kPagePositions;
      sums[i] = Sums(Integers::all(-surplus<Fours>(weights + i * tile.room, positions)));
    }
    for (int page = 0; page < tile.page_count; ++page) {
      const std::byte* values = tile.pages[page] + offset;
#pragma GCC unroll 1
      for (int s = 0; s < kPagePositions; s += 4, weights += 4, values += head_bytes / 4) {
        typename Fours::Bytes bytes{};
#pragma GCC unroll 4
        for (int i = 0; i < Contexts; ++i) {
          if (i % Tile::kQueries == 0) {
            bytes = Fours::Bytes::load(values + static_cast<std::size_t>(i / Tile::kQueries) * head_bytes);
          }
          sums[i].add(Fours::Four::repeat(weights + i * tile.room), bytes);
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) totals[i][0] = sums[i].total();
  }
};

}  // namespace octavo::lanes16
