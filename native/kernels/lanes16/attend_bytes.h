#pragma once

#include "kernels/lanes16/tile.h"

namespace octavo::lanes16 {

/// f of four vectors: those there are, the first again for those that are not.
template <class V, int Count, class F>
inline auto of_four(const V (&x)[Count], F f) {
  const V four[4] = {x[0], x[Count > 1 ? 1 : 0], x[Count > 2 ? 2 : 0], x[Count > 3 ? 3 : 0]};
  return f(four);
}

/// Scores of the positions of `Pages` pages to scratch, by position; `top` becomes the largest seen.
template <int Pages, class Tile, class V, int Contexts>
[[gnu::always_inline]] inline void score_pages(const Tile& tile, int page, V (&top)[Contexts]) {
  V score[Contexts][Pages];
  Tile::Bytes::products(tile, page, score);
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) {
    const V factor = V::all(tile.score_scale[i / Tile::kQueries]);
#pragma GCC unroll 4
    for (int p = 0; p < Pages; ++p) {
      const V value = score[i][p] * factor;
      value.store(tile.scores + i * tile.room + (page + p) * kPagePositions);
      top[i] = V::max(V::where(tile.seen(i % Tile::kQueries, page + p), value, V::kLowest), top[i]);
    }
  }
}

template <class Tile, class V, int Contexts>
[[gnu::always_inline]] inline void score_bytes(const Tile& tile, V (&top)[Contexts]) {
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) top[i] = V::all(V::kLowest);
  constexpr int kPages = Tile::Bytes::kPages;
  int page = 0;
  for (; page + kPages <= tile.page_count; page += kPages) score_pages<kPages>(tile, page, top);
  for (; page < tile.page_count; ++page) score_pages<1>(tile, page, top);
  const typename V::Four largest = of_four(top, V::largest_of_each);
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) top[i] = V::all(largest[i]);
}

/// Scores to weights, exp(score - top) in steps of 1/255, zero where nothing is seen. The lanes of `sum` add
/// up to theirs, exactly, as it is below 2^24.
template <class Tile, class V, int Contexts>
[[gnu::always_inline]] inline void weigh_bytes(const Tile& tile, const V (&top)[Contexts],
                                               V (&sum)[Contexts]) {
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) sum[i] = V::all(0.0f);
  for (int page = 0; page < tile.page_count; ++page) {
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      const std::ptrdiff_t place = i * tile.room + page * kPagePositions;
      const V value = exponential(V::load(tile.scores + place) - top[i]) * V::all(255.0f);
      const V weight = V::where(tile.seen(i % Tile::kQueries, page), V::round(value), 0.0f);
      Tile::Bytes::store_weights(weight, tile.weights + place);
      sum[i] = sum[i] + weight;
    }
  }
}

/// Contexts of `Vectors` vectors of columns from c on, the last of which has `last` columns.
template <int Vectors, class Tile, class V>
[[gnu::always_inline]] inline void sum_block(const Tile& tile, int c, int last, typename V::Four factor,
                                             const ContextRows<V>& rows) {
  V sums[Tile::kContexts][Vectors];
  Tile::Bytes::weighted_sums(tile, c, sums);
#pragma GCC unroll 4
  for (int i = 0; i < Tile::kContexts; ++i) {
    const std::ptrdiff_t column = tile.column(i / Tile::kQueries) + c;
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      rows.store(tile.first + i % Tile::kQueries, column + v * V::kLanes, v + 1 < Vectors ? V::kLanes : last,
                 sums[i][v] * V::all(factor[i]));
    }
  }
}

/// Contexts of weights whose sum the lanes of `sum` add up to.
template <class Tile, class V, int Contexts>
[[gnu::always_inline]] inline void sum_bytes(const Tile& tile, const V (&sum)[Contexts],
                                             const ContextRows<V>& rows) {
  typename V::Four scale;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) scale[i] = tile.value_scale[i % Contexts / Tile::kQueries];
  const typename V::Four factor = scale / of_four(sum, V::sum_trees);
  constexpr int kVectors = Tile::Bytes::kVectors;
  int c = 0;
  int left = tile.layout.head_dim;
  for (; left >= kVectors * V::kLanes; left -= kVectors * V::kLanes, c += kVectors * V::kLanes) {
    sum_block<kVectors>(tile, c, V::kLanes, factor, rows);
  }
  if constexpr (kVectors == 4) {
    if (left >= 2 * V::kLanes) {
      sum_block<2>(tile, c, V::kLanes, factor, rows);
      left -= 2 * V::kLanes;
      c += 2 * V::kLanes;
    }
  }
  for (; left > 0; left -= V::kLanes, c += V::kLanes) {
    sum_block<1>(tile, c, left < V::kLanes ? left : V::kLanes, factor, rows);
  }
}

}  // namespace octavo::lanes16
