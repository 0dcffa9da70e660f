#pragma once

#include "kernels/lanes16/scaled_tile.h"
#include "kernels/lanes16/tile.h"

namespace octavo::lanes16 {

/// Scores of the positions of `Pages` pages to scratch, by position; `top` becomes the largest seen.
template <int Pages, class Tile, class V, int Contexts>
[[gnu::always_inline]] inline void score_pages(const Tile& tile, int page, V (&top)[Contexts]) {
  typename V::Integers score[Contexts][Pages];
  Tile::Bytes::products(tile, page, score);
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) {
    const V factor = V::all(tile.score_scale[i / Tile::kQueries]);
#pragma GCC unroll 4
    for (int p = 0; p < Pages; ++p) {
      const V value = V::from_s32(score[i][p]) * factor;
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

/// Adds the tile's bias to the scores in scratch; `top` becomes the largest seen.
template <class Tile, class V, int Contexts>
inline void add_bias(const Tile& tile, V (&top)[Contexts]) {
  for (int i = 0; i < Contexts; ++i) {
    const float* bias = tile.bias(i);
    V largest = V::all(V::kLowest);
    for (int page = 0; page < tile.page_count; ++page, bias += kPagePositions) {
      float* scores = tile.scores + i * tile.room + page * kPagePositions;
      const V value = V::load(scores) + V::load(bias);
      value.store(scores);
      largest = V::max(V::where(tile.seen(i % Tile::kQueries, page), value, V::kLowest), largest);
    }
    top[i] = V::all(largest.largest());
  }
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
      Tile::Bytes::store_weights(weight.to_s32(), tile.weights + place);
      sum[i] = sum[i] + weight;
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
  for_each_block<typename Tile::Bytes>(tile.layout.head_dim, [&](auto vectors, int c, int last) {
    constexpr int kVectors = decltype(vectors)::value;
    typename V::Integers sums[Contexts][kVectors];
    Tile::Bytes::weighted_sums(tile, c, sums);
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      const std::ptrdiff_t column = tile.column(i / Tile::kQueries) + c;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        rows.store(tile.first + i % Tile::kQueries, column + v * V::kLanes,
                   v + 1 < kVectors ? V::kLanes : last, V::from_s32(sums[i][v]) * V::all(factor[i]));
      }
    }
  });
}

}  // namespace octavo::lanes16
