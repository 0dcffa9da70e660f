#pragma once

#include "kernels/lanes16/functions.h"
#include "kernels/lanes16/rows.h"

// Attention over pages. `Bytes` are a tier's order of bytes in a page and its products with them:
//   key_bytes, value_bytes     what a head takes in a page; kKeySumBytes: what its key sums take
//   keep_keys, keep_values     put one row's head at a place of a page
//   products                   Σ_c (query[c] - 128) · (key[c] - 128) for whole pages of keys, at most kPages
//   Weight, store_weights      the form weights are read in, by position; kTile · sizeof(Weight) fits scratch
//   weighted_sums              Σ_s weight[s] · (value[s][c] - 128), for kColumns columns, a multiple of 16
// Scores of floats are in the order of keys, those of bytes by position.

namespace octavo::lanes16 {

template <class Bytes>
PageLayout page_layout(int heads, int head_dim, bool keys_u8, bool values_u8) {
  const auto count = static_cast<std::size_t>(heads);
  const std::size_t floats = kPagePositions * count * static_cast<std::size_t>(head_dim) * 4;
  const std::size_t keys = keys_u8 ? count * Bytes::key_bytes(head_dim) : floats;
  const std::size_t values = keys + (keys_u8 ? count * Bytes::kKeySumBytes : 0);
  return {.heads = heads,
          .head_dim = head_dim,
          .keys_u8 = keys_u8,
          .values_u8 = values_u8,
          .key_sums = keys,
          .values = values,
          .bytes = values + (values_u8 ? count * Bytes::value_bytes(head_dim) : floats)};
}

template <class Bytes>
void keep_rows(const KeepRows& job) {
  const PageLayout& layout = *job.layout;
  const std::size_t row_bytes =
      static_cast<std::size_t>(layout.heads) * static_cast<std::size_t>(layout.head_dim) * 4;
  for (int r = 0; r < job.rows; ++r) {
    const std::byte* keys = job.keys + r * job.key_stride;
    const std::byte* values = job.values + r * job.value_stride;
    std::byte* page = job.pages[r];
    const int place = job.positions[r];
    if (layout.keys_u8) {
      Bytes::keep_keys(layout, page, place, reinterpret_cast<const std::uint8_t*>(keys));
    } else {
      __builtin_memcpy(page + static_cast<std::size_t>(place) * row_bytes, keys, row_bytes);
    }
    if (layout.values_u8) {
      Bytes::keep_values(layout, page + layout.values, place, reinterpret_cast<const std::uint8_t*>(values));
    } else {
      __builtin_memcpy(page + layout.values + static_cast<std::size_t>(place) * row_bytes, values, row_bytes);
    }
  }
}

/// Queries [first, first + Queries) of heads [head, head + Heads): at most four contexts, number i being that
/// of query first + i % Queries and head head + i / Queries.
template <class V, class BytesType, int Queries, int Heads>
struct Tile {
  using Bytes = BytesType;
  static constexpr int kQueries = Queries;
  static constexpr int kHeads = Heads;
  static constexpr int kContexts = Queries * Heads;
  using Weight = typename Bytes::Weight;

  const Attend& job;
  int first;
  int head;

  int pages() const { return (job.positions + kPagePositions - 1) / kPagePositions; }
  std::ptrdiff_t column(int h) const { return static_cast<std::ptrdiff_t>(head + h) * job.layout->head_dim; }
  const std::byte* query(int q) const { return job.query + (first + q) * job.query_stride; }
  std::ptrdiff_t room() const { return (job.positions + 63) / 64 * 64; }
  float* scores(int i) const { return job.scores + i * room(); }
  Weight* weights(int i) const { return reinterpret_cast<Weight*>(job.weights) + i * room(); }

  /// The positions of a page that query q sees.
  unsigned seen(int q, int page) const {
    if (job.visible != nullptr) return job.visible[(first + q) * job.visible_stride + page];
    const int left = job.positions - page * kPagePositions;
    return left >= kPagePositions ? 0xffffu : (1u << left) - 1u;
  }
};

/// f of four vectors: those there are, the first again for those that are not.
template <class V, int Count, class F>
inline auto of_four(const V (&x)[Count], F f) {
  const V four[4] = {x[0], x[Count > 1 ? 1 : 0], x[Count > 2 ? 2 : 0], x[Count > 3 ? 3 : 0]};
  return f(four);
}

/// Scores of the positions of `Pages` pages, by position; `top` becomes the largest of those that are seen.
template <int Pages, class Tile, class V, int Contexts>
inline void score_pages(const Tile& tile, int page, V (&score)[Contexts][Pages], V (&top)[Contexts]) {
  Tile::Bytes::products(tile, page, score);
  for (int i = 0; i < Contexts; ++i) {
    const V factor = V::all(tile.job.score_scale[tile.head + i / Tile::kQueries]);
    for (int p = 0; p < Pages; ++p) {
      score[i][p] = score[i][p] * factor;
      top[i] = V::max(V::where(tile.seen(i % Tile::kQueries, page + p), score[i][p], V::kLowest), top[i]);
    }
  }
}

/// Scores as weights, exp(score - top) in steps of 1/255, zero where nothing is seen, which it adds to `sum`;
/// exact, as sums are below 2^24.
template <class Tile, class V>
inline void weigh_page(const Tile& tile, int page, int i, V score, V top, V& sum) {
  const V value = V::round(exponential(score - top) * V::all(255.0f));
  const V weight = V::where(tile.seen(i % Tile::kQueries, page), value, 0.0f);
  Tile::Bytes::store_weights(weight, tile.weights(i) + page * kPagePositions);
  sum = sum + weight;
}

template <class V, int Contexts>
inline void repeat_largest(V (&top)[Contexts]) {
  const typename V::Four largest = of_four(top, V::largest_of_each);
  for (int i = 0; i < Contexts; ++i) top[i] = V::all(largest[i]);
}

/// Weights of few pages, whose scores stay in registers.
template <int Pages, class Tile, class V, int Contexts>
inline void weigh_few(const Tile& tile, V (&sum)[Contexts]) {
  V score[Contexts][Pages];
  V top[Contexts];
  for (V& each : top) each = V::all(V::kLowest);
  score_pages(tile, 0, score, top);
  repeat_largest(top);
  for (int p = 0; p < Pages; ++p) {
    for (int i = 0; i < Contexts; ++i) weigh_page(tile, p, i, score[i][p], top[i], sum[i]);
  }
}

template <int Pages, class Tile, class V, int Contexts>
inline void store_scores(const Tile& tile, int page, V (&top)[Contexts]) {
  V score[Contexts][Pages];
  score_pages(tile, page, score, top);
  for (int i = 0; i < Contexts; ++i) {
    for (int p = 0; p < Pages; ++p) score[i][p].store(tile.scores(i) + (page + p) * kPagePositions);
  }
}

/// Scores to scratch, by position.
template <class Tile, class V, int Contexts>
inline void score_bytes(const Tile& tile, V (&top)[Contexts]) {
  for (V& each : top) each = V::all(V::kLowest);
  constexpr int kPages = Tile::Bytes::kPages;
  const int pages = tile.pages();
  int page = 0;
  for (; page + kPages <= pages; page += kPages) store_scores<kPages>(tile, page, top);
  for (; page < pages; ++page) store_scores<1>(tile, page, top);
  repeat_largest(top);
}

/// Scores in scratch to weights.
template <class Tile, class V, int Contexts>
inline void weigh_bytes(const Tile& tile, const V (&top)[Contexts], V (&sum)[Contexts]) {
  const int pages = tile.pages();
  for (int page = 0; page < pages; ++page) {
    for (int i = 0; i < Contexts; ++i) {
      weigh_page(tile, page, i, V::load(tile.scores(i) + page * kPagePositions), top[i], sum[i]);
    }
  }
}

/// Stores the context of `count` columns from `column` on.
template <class V>
inline void store_context(const Attend& job, std::ptrdiff_t query, std::ptrdiff_t column, int count,
                          V value) {
  const QuantizedRows& quantized = job.quantized;
  if (quantized.values != nullptr) {
    store_quantized(value, load<V>(quantized.inverse + column, count), quantized.zero_point,
                    quantized.values + query * quantized.stride + column, count);
  } else {
    store(value, job.output + query * job.output_stride + column, count);
  }
}

/// Contexts of weights whose sum in all lanes together is `sum`.
template <class Tile, class V, int Contexts>
inline void sum_bytes(const Tile& tile, const V (&sum)[Contexts]) {
  constexpr int kVectors = Tile::Bytes::kColumns / V::kLanes;
  typename V::Four scale;
  for (int i = 0; i < 4; ++i) scale[i] = tile.job.value_scale[tile.head + i % Contexts / Tile::kQueries];
  const typename V::Four factor = scale / of_four(sum, V::sum_trees);
  const int head_dim = tile.job.layout->head_dim;
  for (int c = 0; c < head_dim; c += Tile::Bytes::kColumns) {
    V sums[Contexts][kVectors];
    Tile::Bytes::weighted_sums(tile, c, sums);
    for (int v = 0; v < kVectors && c + v * V::kLanes < head_dim; ++v) {
      const int begin = c + v * V::kLanes;
      const int count = head_dim - begin < V::kLanes ? head_dim - begin : V::kLanes;
      for (int i = 0; i < Contexts; ++i) {
        store_context(tile.job, tile.first + i % Tile::kQueries, tile.column(i / Tile::kQueries) + begin,
                      count, sums[i][v] * V::all(factor[i]));
      }
    }
  }
}

/// The keys one query sees, in order, for rows of floats.
template <class V>
class SeenRows {
 public:
  SeenRows(const Attend& job, int query)
      : pages_(job.pages),
        order_(job.order != nullptr ? job.order + query * job.order_stride : nullptr),
        count_(job.order != nullptr ? job.counts[query] : job.positions),
        row_bytes_(static_cast<std::size_t>(job.layout->heads) *
                   static_cast<std::size_t>(job.layout->head_dim) * 4) {}

  int count() const { return count_; }
  int position(int j) const { return order_ != nullptr ? order_[j] : j; }
  /// Key j's row of what begins `offset` bytes into a page.
  const float* row(int j, std::size_t offset) const {
    const auto place = static_cast<unsigned>(position(j));
    const std::byte* page = pages_[place / kPagePositions];
    return reinterpret_cast<const float*>(page + offset + place % kPagePositions * row_bytes_);
  }

 private:
  const std::byte* const* pages_;
  const std::int32_t* order_;
  int count_;
  std::size_t row_bytes_;
};

/// Scores of one head, in order. Returns the largest. Behind the last, scratch is filled with scores that
/// occur.
template <class V, class Tile>
inline V score_floats(const Tile& tile, const SeenRows<V>& rows) {
  const float* query = reinterpret_cast<const float*>(tile.query(0)) + tile.column(0);
  const V factor = V::all(tile.job.score_scale[tile.head]);
  const int head_dim = tile.job.layout->head_dim;
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
        keys[k] = rows.row(from + k < rows.count() ? from + k : rows.count() - 1, 0) + tile.column(0);
      }
      V sum[4] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
      for_each_vector<V>(head_dim, [&](int c, int count) {
        const V q = load<V>(query + c, count);
        for (int k = 0; k < 4; ++k) sum[k] = V::fma(q, load<V>(keys[k] + c, count), sum[k]);
      });
      products[i] = V::sum_trees(sum);
    }
    const V score = V::join(products) * factor;
    score.store(tile.scores(0) + j);
    top = V::max(score, j == 0 ? score.repeat_first() : top);
  }
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
                             int count, float factor) {
  const std::ptrdiff_t column = tile.column(0) + c;
  V sum[Vectors];
  for (int v = 0; v < Vectors; ++v) sum[v] = V::all(0.0f);
  for (int j = 0; j < rows.count(); ++j) {
    const float* value = rows.row(j, tile.job.layout->values) + column;
    const V weight = V::all(weights[j]);
    if (count == Vectors * V::kLanes) {
      for (int v = 0; v < Vectors; ++v) sum[v] = V::fma(weight, V::load(value + v * V::kLanes), sum[v]);
    } else {
      sum[0] = V::fma(weight, V::load_first(value, count), sum[0]);
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    const int begin = v * V::kLanes;
    store_context(tile.job, tile.first, column + begin, count - begin < V::kLanes ? count - begin : V::kLanes,
                  sum[v] * V::all(factor));
  }
}

template <class V, class Tile>
inline void sum_floats(const Tile& tile, const SeenRows<V>& rows, const float* weights, float factor) {
  const int head_dim = tile.job.layout->head_dim;
  int c = 0;
  for (; c + 4 * V::kLanes <= head_dim; c += 4 * V::kLanes) {
    sum_floats_block<4>(tile, rows, weights, c, 4 * V::kLanes, factor);
  }
  for (; c + 2 * V::kLanes <= head_dim; c += 2 * V::kLanes) {
    sum_floats_block<2>(tile, rows, weights, c, 2 * V::kLanes, factor);
  }
  for (; c < head_dim; c += V::kLanes) {
    const int left = head_dim - c;
    sum_floats_block<1>(tile, rows, weights, c, left < V::kLanes ? left : V::kLanes, factor);
  }
}

/// Keys as bytes, values as floats: scores by position are put in order.
template <class V, class Tile>
inline void attend_bytes_floats(const Tile& tile) {
  const SeenRows<V> rows(tile.job, tile.first);
  V top[1];
  score_bytes(tile, top);
  float* ordered = tile.scores(1);
  for (int j = 0; j < rows.count(); ++j) ordered[j] = tile.scores(0)[rows.position(j)];
  sum_floats(tile, rows, ordered, 1.0f / exponentiate<V>(ordered, rows.count(), top[0]));
}

/// Keys as floats, values as bytes: scores in order are put to their positions.
template <class V, class Tile>
inline void attend_floats_bytes(const Tile& tile) {
  const SeenRows<V> rows(tile.job, tile.first);
  const V top[1] = {score_floats<V>(tile, rows)};
  if (tile.job.order != nullptr) {
    float* ordered = tile.scores(1);
    for (int j = 0; j < rows.count(); ++j) ordered[j] = tile.scores(0)[j];
    for (int j = 0; j < rows.count(); ++j) tile.scores(0)[rows.position(j)] = ordered[j];
  }
  V sum[1] = {V::all(0.0f)};
  weigh_bytes(tile, top, sum);
  sum_bytes(tile, sum);
}

template <class V, class Tile>
inline void attend_floats(const Tile& tile) {
  const SeenRows<V> rows(tile.job, tile.first);
  const V top = score_floats<V>(tile, rows);
  const float total = exponentiate<V>(tile.scores(0), rows.count(), top);
  sum_floats(tile, rows, tile.scores(0), 1.0f / total);
}

template <class V, class Tile>
inline void attend_bytes(const Tile& tile) {
  V sum[Tile::kContexts];
  for (V& each : sum) each = V::all(0.0f);
  const int pages = tile.pages();
  if (pages == 1) {
    weigh_few<1>(tile, sum);
  } else if (pages == 2 && Tile::Bytes::kPages == 2) {
    weigh_few<2>(tile, sum);
  } else {
    V top[Tile::kContexts];
    score_bytes(tile, top);
    weigh_bytes(tile, top, sum);
  }
  sum_bytes(tile, sum);
}

/// `Queries` queries of every head, `Heads` heads at a time.
template <class V, class Bytes, int Queries, int Heads>
inline void attend_heads(const Attend& job, int first) {
  int head = 0;
  for (; head + Heads <= job.layout->heads; head += Heads) {
    attend_bytes<V>(Tile<V, Bytes, Queries, Heads>{job, first, head});
  }
  for (; head < job.layout->heads; ++head) attend_bytes<V>(Tile<V, Bytes, Queries, 1>{job, first, head});
}

template <class V, class Bytes>
void attend_all_bytes(const Attend& job) {
  const int whole = job.queries / 4 * 4;
  for (int head = 0; head < job.layout->heads; ++head) {
    for (int first = 0; first < whole; first += 4) attend_bytes<V>(Tile<V, Bytes, 4, 1>{job, first, head});
  }
  if (job.queries - whole == 3) attend_heads<V, Bytes, 3, 1>(job, whole);
  if (job.queries - whole == 2) attend_heads<V, Bytes, 2, 2>(job, whole);
  if (job.queries - whole == 1) attend_heads<V, Bytes, 1, 4>(job, whole);
}

template <class V, class Bytes>
void attend_paged(const Attend& job) {
  const PageLayout& layout = *job.layout;
  if (layout.keys_u8 && layout.values_u8) return attend_all_bytes<V, Bytes>(job);
  for (int head = 0; head < layout.heads; ++head) {
    for (int query = 0; query < job.queries; ++query) {
      const Tile<V, Bytes, 1, 1> tile{job, query, head};
      if (layout.keys_u8) {
        attend_bytes_floats<V>(tile);
      } else if (layout.values_u8) {
        attend_floats_bytes<V>(tile);
      } else {
        attend_floats<V>(tile);
      }
    }
  }
}

}  // namespace octavo::lanes16
