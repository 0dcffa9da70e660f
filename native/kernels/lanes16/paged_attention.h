#pragma once

#include "kernels/lanes16/functions.h"
#include "kernels/lanes16/rows.h"

// Attention over pages. `Bytes` are a tier's order of bytes in a page and its products with them:
//   key_bytes, value_bytes     what a head takes in a page; kKeySumBytes: what its key sums take
//   keep_keys, keep_values     put a row's bytes at a place of a page; where kKeepsFour, keep_four_... put
//   four
//                              rows at places 4 n to 4 n + 3
//   products                   Σ_c (query[c] - 128) · (key[c] - 128) for whole pages of keys, at most kPages
//   Weight, store_weights      the form weights are read in, by position; kTile · sizeof(Weight) fits scratch
//   weighted_sums              Σ_s weight[s] · (value[s][c] - 128), for 1, 2 or kVectors vectors of columns
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

/// Whether rows r to r + 3 are kept at four places in a row, the first of which is a multiple of 4.
template <class Bytes>
bool is_four(const KeepRows& job, int r) {
  if (r + 4 > job.rows || job.positions[r] % 4 != 0) return false;
  for (int i = 1; i < 4; ++i) {
    if (job.pages[r + i] != job.pages[r] || job.positions[r + i] != job.positions[r] + i) return false;
  }
  return true;
}

/// Keeps keys or values that are floats: rows of `bytes` bytes, one behind the other.
template <class Bytes>
void keep_floats(const KeepRows& job, const std::byte* rows, std::ptrdiff_t stride, std::size_t offset) {
  const PageLayout& layout = *job.layout;
  const std::size_t bytes =
      static_cast<std::size_t>(layout.heads) * static_cast<std::size_t>(layout.head_dim) * 4;
  for (int r = 0; r < job.rows; ++r) {
    __builtin_memcpy(job.pages[r] + offset + job.positions[r] * bytes, rows + r * stride, bytes);
  }
}

template <class Bytes>
void keep_rows(const KeepRows& job) {
  const PageLayout& layout = *job.layout;
  if (!layout.keys_u8) keep_floats<Bytes>(job, job.keys, job.key_stride, 0);
  if (!layout.values_u8) keep_floats<Bytes>(job, job.values, job.value_stride, layout.values);
  if (!layout.keys_u8 && !layout.values_u8) return;
  for (int r = 0; r < job.rows;) {
    const auto* keys = reinterpret_cast<const std::uint8_t*>(job.keys + r * job.key_stride);
    const auto* values = reinterpret_cast<const std::uint8_t*>(job.values + r * job.value_stride);
    std::byte* page = job.pages[r];
    const int place = job.positions[r];
    const bool four = Bytes::kKeepsFour && is_four<Bytes>(job, r);
    if constexpr (Bytes::kKeepsFour) {
      if (four && layout.keys_u8) Bytes::keep_four_keys(layout, page, place, keys, job.key_stride);
      if (four && layout.values_u8) Bytes::keep_four_values(layout, page, place, values, job.value_stride);
    }
    if (!four && layout.keys_u8) Bytes::keep_keys(layout, page, place, keys);
    if (!four && layout.values_u8) Bytes::keep_values(layout, page, place, values);
    r += four ? 4 : 1;
  }
}

/// Queries [first, first + Queries) of heads [head, head + Heads): at most four contexts, number i being that
/// of query first + i % Queries and head head + i / Queries. Fields of the job are copied, so that no store
/// of bytes can be taken to change them.
template <class V, class BytesType, int Queries, int Heads>
struct Tile {
  using Bytes = BytesType;
  using Weight = typename Bytes::Weight;
  static constexpr int kQueries = Queries;
  static constexpr int kContexts = Queries * Heads;

  Tile(const Attend& job, int first_query, int first_head)
      : layout(*job.layout),
        first(first_query),
        head(first_head),
        pages(job.pages),
        page_count((job.positions + kPagePositions - 1) / kPagePositions),
        query(job.query + first * job.query_stride),
        query_stride(job.query_stride),
        score_scale(job.score_scale + head),
        value_scale(job.value_scale + head),
        scores(job.scores),
        weights(reinterpret_cast<Weight*>(job.weights)),
        room((job.positions + 63) / 64 * 64),
        visible_(job.visible + first * job.visible_stride),
        visible_stride_(job.visible_stride) {}

  std::ptrdiff_t column(int h) const { return static_cast<std::ptrdiff_t>(head + h) * layout.head_dim; }

  /// The positions of a page that query q sees.
  unsigned seen(int q, int page) const { return visible_[q * visible_stride_ + page]; }

  const PageLayout layout;
  const int first;
  const int head;
  const std::byte* const* const pages;
  const int page_count;
  const std::byte* const query;  // row `first`
  const std::ptrdiff_t query_stride;
  const float* const score_scale;  // from `head` on
  const float* const value_scale;
  float* const scores;  // of context i from i · room on
  Weight* const weights;
  const std::ptrdiff_t room;

 private:
  const std::uint16_t* const visible_;
  const std::ptrdiff_t visible_stride_;
};

/// Where contexts go, and how.
template <class V>
class ContextRows {
 public:
  explicit ContextRows(const Attend& job)
      : output_(job.output),
        output_stride_(job.output_stride),
        quantized_(job.quantized),
        lowest_(V::all(static_cast<float>(-quantized_.zero_point))),
        highest_(V::all(static_cast<float>(255 - quantized_.zero_point))) {}

  void store(std::ptrdiff_t query, std::ptrdiff_t column, int count, V value) const {
    if (output_ != nullptr) {
      lanes16::store(value, output_ + query * output_stride_ + column, count);
    } else {
      const V scaled = V::max(value * load<V>(quantized_.inverse + column, count), lowest_);
      V::min(scaled, highest_)
          .store_u8(quantized_.values + query * quantized_.stride + column, count, quantized_.zero_point);
    }
  }

 private:
  float* output_;
  std::ptrdiff_t output_stride_;
  QuantizedRows quantized_;
  V lowest_;
  V highest_;
};

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
    score.store(tile.scores + j);
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
                             int count, float factor, const ContextRows<V>& target) {
  const std::ptrdiff_t column = tile.column(0) + c;
  V sum[Vectors];
  for (int v = 0; v < Vectors; ++v) sum[v] = V::all(0.0f);
  for (int j = 0; j < rows.count(); ++j) {
    const float* value = rows.row(j, tile.layout.values) + column;
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

/// Keys as bytes, values as floats: scores by position are put in order.
template <class V, class Tile>
inline void attend_bytes_floats(const Attend& job, const Tile& tile, const ContextRows<V>& target) {
  const SeenRows<V> rows(job, tile.first);
  V top[1];
  score_bytes(tile, top);
  float* ordered = tile.scores + tile.room;
  for (int j = 0; j < rows.count(); ++j) ordered[j] = tile.scores[rows.position(j)];
  sum_floats(tile, rows, ordered, 1.0f / exponentiate<V>(ordered, rows.count(), top[0]), target);
}

/// Keys as floats, values as bytes: scores in order are put to their positions.
template <class V, class Tile>
inline void attend_floats_bytes(const Attend& job, const Tile& tile, const ContextRows<V>& target) {
  const SeenRows<V> rows(job, tile.first);
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
  const SeenRows<V> rows(job, tile.first);
  const V top = score_floats<V>(tile, rows);
  const float total = exponentiate<V>(tile.scores, rows.count(), top);
  sum_floats(tile, rows, tile.scores, 1.0f / total, target);
}

template <class V, class Bytes, int Queries, int Heads>
void attend_bytes(const Attend& job, int first, int head) {
  const Tile<V, Bytes, Queries, Heads> tile(job, first, head);
  V top[Queries * Heads];
  V sum[Queries * Heads];
  score_bytes(tile, top);
  weigh_bytes(tile, top, sum);
  sum_bytes(tile, sum, ContextRows<V>(job));
}

/// `Queries` queries of every head, `Heads` heads at a time.
template <class V, class Bytes, int Queries, int Heads>
void attend_heads(const Attend& job, int first) {
  int head = 0;
  for (; head + Heads <= job.layout->heads; head += Heads) {
    attend_bytes<V, Bytes, Queries, Heads>(job, first, head);
  }
  for (; head < job.layout->heads; ++head) attend_bytes<V, Bytes, Queries, 1>(job, first, head);
}

template <class V, class Bytes>
void attend_all_bytes(const Attend& job) {
  const int whole = job.queries / 4 * 4;
  for (int head = 0; head < job.layout->heads; ++head) {
    for (int first = 0; first < whole; first += 4) attend_bytes<V, Bytes, 4, 1>(job, first, head);
  }
  if (job.queries - whole == 3) attend_heads<V, Bytes, 3, 1>(job, whole);
  if (job.queries - whole == 2) attend_heads<V, Bytes, 2, 2>(job, whole);
  if (job.queries - whole == 1) attend_heads<V, Bytes, 1, 4>(job, whole);
}

/// The same job with `visible` set where each query sees all: one row of bits for all queries, behind the
/// four rows of scores that are used.
template <class V>
Attend with_visible(Attend job) {
  if (job.visible != nullptr) return job;
  auto* bits = reinterpret_cast<std::uint16_t*>(job.scores + (job.positions + 63) / 64 * 64 * 4);
  job.visible = bits;
  job.visible_stride = 0;
  int left = job.positions;
  for (; left > kPagePositions; left -= kPagePositions) *bits++ = 0xffff;
  *bits = static_cast<std::uint16_t>((1u << left) - 1u);
  return job;
}

template <class V, class Bytes>
void attend_paged(const Attend& any_job) {
  const Attend job = with_visible<V>(any_job);
  const PageLayout& layout = *job.layout;
  if (layout.keys_u8 && layout.values_u8) return attend_all_bytes<V, Bytes>(job);
  const ContextRows<V> target(job);
  for (int head = 0; head < layout.heads; ++head) {
    for (int query = 0; query < job.queries; ++query) {
      const Tile<V, Bytes, 1, 1> tile(job, query, head);
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

}  // namespace octavo::lanes16
