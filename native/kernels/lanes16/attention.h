#pragma once

#include "kernels/lanes16/attend_bytes.h"
#include "kernels/lanes16/attend_floats.h"
#include "kernels/lanes16/pages.h"

namespace octavo::lanes16 {

/// Keys as bytes, values as floats: scores by position are put in order.
template <class V, class Tile>
inline void attend_bytes_floats(const Attend& job, const Tile& tile, const ContextRows<V>& target) {
  const SeenRows<V> rows(job, tile.first, tile.head);
  V top[1];
  score_bytes(tile, top);
  if (tile.has_bias) add_bias(tile, top);
  float* ordered = tile.scores + tile.room;
  for (int j = 0; j < rows.count(); ++j) ordered[j] = tile.scores[rows.position(j)];
  sum_floats(tile, rows, ordered, 1.0f / exponentiate<V>(ordered, rows.count(), top[0]), target);
}

/// Keys as floats, values as bytes: scores in order are put to their positions.
template <class V, class Tile>
inline void attend_floats_bytes(const Attend& job, const Tile& tile, const ContextRows<V>& target) {
  const SeenRows<V> rows(job, tile.first, tile.head);
  const V top[1] = {score_floats<V>(tile, rows)};
  if (job.order != nullptr) {
    float* ordered = tile.scores + tile.room;
    for (int j = 0; j < rows.count(); ++j) ordered[j] = tile.scores[j];
    for (int j = 0; j < rows.count(); ++j) tile.scores[rows.position(j)] = ordered[j];
  }
  V sum[1];
  weigh_bytes(tile, top, sum);
  sum_bytes(tile, sum, target);
}

template <class V, class Tile>
inline void attend_floats(const Attend& job, const Tile& tile, const ContextRows<V>& target) {
  const SeenRows<V> rows(job, tile.first, tile.head);
  const V top = score_floats<V>(tile, rows);
  const float total = exponentiate<V>(tile.scores, rows.count(), top);
  sum_floats(tile, rows, tile.scores, 1.0f / total, target);
}

template <class V, class Bytes>
struct BytesKernel {
  /// Each step works on copies: a store of bytes could be taken to change what is reached through `this`.
  template <int Queries, int Heads>
  class Contexts {
   public:
    Contexts(const Attend& job, int first, int head, TilePlace place)
        : tile_(job, first, head, place), target_(job) {}

    [[gnu::noinline]] void score() {
      const Tile tile = tile_;
      EachContext top;
      score_bytes(tile, top.lanes);
      top_ = top;
      if (tile_.has_bias) add_bias();
    }

    [[gnu::noinline]] void weigh() {
      const Tile tile = tile_;
      const EachContext top = top_;
      EachContext sum;
      weigh_bytes(tile, top.lanes, sum.lanes);
      sum_ = sum;
    }

    [[gnu::noinline]] void sum() {
      const Tile tile = tile_;
      sum_bytes(tile, sum_.lanes, ContextRows<V>(target_));
    }

   private:
    using Tile = ScaledTile<Bytes, Queries, Heads>;
    struct EachContext {
      V lanes[Tile::kContexts];
    };

    [[gnu::noinline]] void add_bias() { lanes16::add_bias(tile_, top_.lanes); }

    const Tile tile_;
    const ContextRows<V> target_;
    EachContext top_;
    EachContext sum_;
  };
};

template <class V, class Bytes>
void attend(const Attend& any_job) {
  const Attend job = with_visible<Bytes>(any_job);
  const PageLayout& layout = *job.layout;
  if (layout.keys_u8 && layout.values_u8) return attend_tiles<BytesKernel<V, Bytes>>(job);
  const ContextRows<V> target(job);
  for (int head = 0; head < layout.heads; ++head) {
    for (int query = 0; query < job.queries; ++query) {
      const ScaledTile<Bytes, 1, 1> tile(job, query, head);
      if (layout.keys_u8) {
        attend_bytes_floats(job, tile, target);
      } else if (layout.values_u8) {
        attend_floats_bytes(job, tile, target);
      } else {
        attend_floats(job, tile, target);
      }
    }
  }
}

/// Weights of queries [first, first + Queries), straight to their rows.
template <class V, class Bytes, int Queries>
void weigh_tile(Attend job, const HeadWeights& target, int first) {
  job.weights = target.weights + first * target.stride;
  const ScaledTile<PlainWeights<Bytes>, Queries, 1> tile(job, first, target.head);
  V top[Queries];
  V sum[Queries];
  if (Queries > 1 || job.layout->keys_u8) {  // several at a time only where keys are bytes
    score_bytes(tile, top);
    if (tile.has_bias) add_bias(tile, top);
  } else if constexpr (Queries == 1) {
    top[0] = score_floats<V>(tile, SeenRows<V>(job, first, target.head));
  }
  weigh_bytes(tile, top, sum);
}

template <class V, class Bytes>
void weigh(const Attend& any_job, const HeadWeights& target) {
  const Attend job = with_visible<Bytes>(any_job);
  int first = 0;
  for (; job.layout->keys_u8 && first + 4 <= job.queries; first += 4) {
    weigh_tile<V, Bytes, 4>(job, target, first);
  }
  for (; first < job.queries; ++first) weigh_tile<V, Bytes, 1>(job, target, first);
}

}  // namespace octavo::lanes16
