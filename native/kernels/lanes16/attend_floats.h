#pragma once

#include "kernels/lanes16/rows.h"
#include "kernels/lanes16/scaled_tile.h"
#include "kernels/lanes16/tile.h"

namespace octavo::lanes16 {

/// The keys and values of a head that one query sees, in order, as rows of floats.
template <class V>
class SeenRows {
 public:
  SeenRows(const Attend& job, int query, int head)
      : pages_(job.pages),
        order_(job.order != nullptr ? job.order + query * job.order_stride : nullptr),
        count_(job.order != nullptr ? job.counts[query] : job.positions),
        row_bytes_(static_cast<std::size_t>(job.layout->head_dim) * 4),
        keys_(static_cast<std::size_t>(head) * kPagePositions * row_bytes_),
        values_(job.layout->values + keys_) {}

  int count() const { return count_; }
  int position(int j) const { return order_ != nullptr ? order_[j] : j; }
  const float* key(int j) const { return row(j, keys_); }
  const float* value(int j) const { return row(j, values_); }

 private:
  const float* row(int j, std::size_t offset) const {
    const auto place = static_cast<unsigned>(position(j));
    const std::byte* page = pages_[place / kPagePositions];
    return reinterpret_cast<const float*>(page + offset + place % kPagePositions * row_bytes_);
  }

  const std::byte* const* pages_;
  const std::int32_t* order_;
  int count_;
  std::size_t row_bytes_;
  std::size_t keys_;  // where the head's begin in a page
  std::size_t values_;
};

/// Adds the tile's bias to scores in order. Returns the largest. Behind the last stand scores that occur.
template <class V, class Tile>
inline V add_bias_in_order(const Tile& tile, const SeenRows<V>& rows) {
  const float* bias = tile.bias(0);
  V top{};
  for (int j = 0; j < rows.count(); j += V::kLanes) {
    float* scores = tile.scores + j;
    alignas(64) float added[V::kLanes];
    for (int i = 0; i < V::kLanes; ++i) {
      const bool there = j + i < rows.count();
      added[i] = bias[rows.position(there ? j + i : j)];
      if (!there) scores[i] = scores[0];
    }
    const V score = V::load(scores) + V::load(added);
    score.store(scores);
    top = V::max(score, j == 0 ? score.repeat_first() : top);
  }
  return top;
}

/// Scores of one head, in order. Returns the largest. Behind the last, scratch is filled with scores that
/// occur.
template <class V, class Tile>
inline V score_floats(const Tile& tile, const SeenRows<V>& rows) {
  const float* query = reinterpret_cast<const float*>(tile.query) + tile.column(0);
  const V factor = V::all(tile.score_scale[0]);
  const int head_dim = tile.layout.head_dim;
  V top{};
  for (int j = 0; j < rows.count(); j += V::kLanes) {
    typename V::Four products[4];
    for (int i = 0; i < 4; ++i) {
      const int from = j + 4 * i;
      if (from >= rows.count()) {
        products[i] = products[0];
        continue;
      }
      const float* keys[4];
      for (int k = 0; k < 4; ++k) {
        keys[k] = rows.key(from + k < rows.count() ? from + k : rows.count() - 1);
      }
      V sum[4] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
      for_each_vector<V>(head_dim, [&](int c, int count) {
        const V q = load<V>(query + c, count);
        for (int k = 0; k < 4; ++k) sum[k] = V::fma(q, load<V>(keys[k] + c, count), sum[k]);
      });
      products[i] = V::sum_trees(sum);
    }
    const V score = V::join(products) * factor;
    score.store(tile.scores + j);
    top = V::max(score, j == 0 ? score.repeat_first() : top);
  }
  if (tile.has_bias) top = add_bias_in_order<V>(tile, rows);
  return V::all(top.largest());
}

/// Turns scores into exp(score - top), zeros behind the last, and returns their sum.
template <class V>
inline float exponentiate(float* scores, int count, V top) {
  V sum = V::all(0.0f);
  for_each_vector<V>(count, [&](int j, int n) {
    const V value = V::first(exponential(V::load(scores + j) - top), n);
    value.store(scores + j);
    sum = sum + value;
  });
  return sum.sum_tree();
}

/// Context of the columns [c, c + count) of a head, at most Vectors vectors: chains over keys, times
/// `factor`.
template <int Vectors, class V, class Tile>
inline void sum_floats_block(const Tile& tile, const SeenRows<V>& rows, const float* weights, int c,
                             int count, float factor, const ContextRows<V>& target) {
  const std::ptrdiff_t column = tile.column(0) + c;
  V sum[Vectors];
  for (int v = 0; v < Vectors; ++v) sum[v] = V::all(0.0f);
  for (int j = 0; j < rows.count(); ++j) {
    const float* value = rows.value(j) + c;
    const V weight = V::all(weights[j]);
    if (count == Vectors * V::kLanes) {
      for (int v = 0; v < Vectors; ++v) sum[v] = V::fma(weight, V::load(value + v * V::kLanes), sum[v]);
    } else {
      sum[0] = V::fma(weight, V::load_first(value, count), sum[0]);
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    const int begin = v * V::kLanes;
    target.store(tile.first, column + begin, count - begin < V::kLanes ? count - begin : V::kLanes,
                 sum[v] * V::all(factor));
  }
}

template <class V, class Tile>
inline void sum_floats(const Tile& tile, const SeenRows<V>& rows, const float* weights, float factor,
                       const ContextRows<V>& target) {
  const int head_dim = tile.layout.head_dim;
  int c = 0;
  for (; c + 4 * V::kLanes <= head_dim; c += 4 * V::kLanes) {
    sum_floats_block<4>(tile, rows, weights, c, 4 * V::kLanes, factor, target);
  }
  for (; c + 2 * V::kLanes <= head_dim; c += 2 * V::kLanes) {
    sum_floats_block<2>(tile, rows, weights, c, 2 * V::kLanes, factor, target);
  }
  for (; c < head_dim; c += V::kLanes) {
    const int left = head_dim - c;
    sum_floats_block<1>(tile, rows, weights, c, left < V::kLanes ? left : V::kLanes, factor, target);
  }
}

}  // namespace octavo::lanes16
