#pragma once

#include "kernels/lanes16/four_rows.h"
#include "kernels/lanes16/rows.h"

// `Bytes` are a tier's sums of products of bytes around 128:
//   Query(query, n).dot_four   Σ_c (query[c] - 128) · (keys[i][c] - 128) of four keys
//   weighted_sums              sums[c] = Σ_j weights[j] · (values[j][c] - 128), for kColumns columns, a
//   multiple of 16
// Scratch is written and read in whole vectors: a CPU hands on at once only what one earlier store covers.

namespace octavo::lanes16 {

/// Scores of one head, `factor` times what dot_four(keys) finds for four keys at a time. Returns the largest.
/// Behind the last, scratch is filled with scores that occur.
template <class V, class DotFour>
inline V score(const AttendRow& job, float factor, DotFour dot_four) {
  FourRows<V> rows(job);
  V top{};
  for (int j = 0; j < job.count; j += V::kLanes) {
    typename V::Four products[4];
    products[0] = dot_four(rows.from(j));
    for (int i = 1; i < 4; ++i) {
      products[i] = j + 4 * i < job.count ? dot_four(rows.from(j + 4 * i)) : products[0];
    }
    const V value = V::join(products) * V::all(factor);
    value.store(job.scores + j);
    top = V::max(value, j == 0 ? value.repeat_first() : top);
  }
  return V::all(top.largest());
}

template <class V>
inline typename V::Four dot_four(const AttendRow& job, std::ptrdiff_t first, const std::byte* const* keys) {
  const float* query = job.query + first;
  V sum[4] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
  for_each_vector<V>(job.head_dim, [&](int c, int count) {
    const V q = load<V>(query + c, count);
    for (int i = 0; i < 4; ++i) {
      const float* key = reinterpret_cast<const float*>(keys[i]) + first;
      sum[i] = V::fma(q, load<V>(key + c, count), sum[i]);
    }
  });
  return V::sum_trees(sum);
}

template <class V, class Bytes>
inline V score_u8(const AttendRow& job, std::ptrdiff_t first, float factor) {
  const typename Bytes::Query query(job.query_u8 + first, job.head_dim);
  return score<V>(job, factor, [&](const std::byte* const* keys) { return query.dot_four(keys, first); });
}

/// Turns scores into exp(score - top), zeros behind the last, and returns their sum.
template <class V>
inline float exponentiate(const AttendRow& job, V top) {
  V sum = V::all(0.0f);
  for_each_vector<V>(job.count, [&](int j, int n) {
    const V value = V::first(exponential(V::load(job.scores + j) - top), n);
    value.store(job.scores + j);
    sum = sum + value;
  });
  return sum.sum_tree();
}

/// Turns scores into weights, exp(score - top) in steps of 1/255, zeros behind the last, and returns their
/// sum; exact, as it is below 2^24.
template <class V>
inline float exponentiate_u8(const AttendRow& job, V top) {
  V sum = V::all(0.0f);
  for_each_vector<V>(job.count, [&](int j, int n) {
    const V value = exponential(V::load(job.scores + j) - top) * V::all(255.0f);
    const V weight = V::round(V::first(value, n));
    weight.store_u8(job.weights + j, V::kLanes, 0);
    sum = sum + weight;
  });
  return sum.sum_tree();
}

/// Stores the context of `count` columns from `column` on.
template <class V>
inline void store_context(const AttendRow& job, std::ptrdiff_t column, int count, V value) {
  const QuantizedRows& quantized = job.quantized;
  if (quantized.values != nullptr) {
    store_quantized(value, load<V>(quantized.inverse + column, count), quantized.zero_point,
                    quantized.values + column, count);
  } else {
    store(value, job.output + column, count);
  }
}

/// Context of the columns [column, column + count), at most Vectors vectors: chains over keys, times
/// `factor`.
template <int Vectors, class V>
inline void sum_values_block(const AttendRow& job, std::ptrdiff_t column, int count, float factor) {
  V sum[Vectors];
  for (int v = 0; v < Vectors; ++v) sum[v] = V::all(0.0f);
  for (int j = 0; j < job.count; ++j) {
    const float* value = reinterpret_cast<const float*>(job.rows[j] + job.value_offset) + column;
    const V weight = V::all(job.scores[j]);
    if (count == Vectors * V::kLanes) {
      for (int v = 0; v < Vectors; ++v) sum[v] = V::fma(weight, V::load(value + v * V::kLanes), sum[v]);
    } else {
      sum[0] = V::fma(weight, V::load_first(value, count), sum[0]);
    }
  }
  for (int v = 0; v < Vectors; ++v) {
    const int begin = v * V::kLanes;
    store_context(job, column + begin, count - begin < V::kLanes ? count - begin : V::kLanes,
                  sum[v] * V::all(factor));
  }
}

template <class V>
inline void sum_values(const AttendRow& job, std::ptrdiff_t first, float factor) {
  int c = 0;
  for (; c + 4 * V::kLanes <= job.head_dim; c += 4 * V::kLanes) {
    sum_values_block<4, V>(job, first + c, 4 * V::kLanes, factor);
  }
  for (; c + 2 * V::kLanes <= job.head_dim; c += 2 * V::kLanes) {
    sum_values_block<2, V>(job, first + c, 2 * V::kLanes, factor);
  }
  for (; c < job.head_dim; c += V::kLanes) {
    const int left = job.head_dim - c;
    sum_values_block<1, V>(job, first + c, left < V::kLanes ? left : V::kLanes, factor);
  }
}

template <class V, class Bytes>
inline void sum_values_u8(const AttendRow& job, std::ptrdiff_t first, float factor) {
  for (int c = 0; c < job.head_dim; c += Bytes::kColumns) {
    const int left = job.head_dim - c;
    V sums[Bytes::kColumns / V::kLanes];
    Bytes::weighted_sums(job, job.value_offset + first + c, left, sums);
    for (int v = 0; v < Bytes::kColumns / V::kLanes && v * V::kLanes < left; ++v) {
      const int count = left - v * V::kLanes;
      store_context(job, first + c + v * V::kLanes, count < V::kLanes ? count : V::kLanes,
                    sums[v] * V::all(factor));
    }
  }
}

template <class V, class Bytes>
void attend(const AttendRow& job) {
  for (int head = 0; head < job.heads; ++head) {
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(head) * job.head_dim;
    const float factor = job.score_scale[head];
    const auto dot = [&](const std::byte* const* keys) { return dot_four<V>(job, first, keys); };
    const V top = job.keys_u8 ? score_u8<V, Bytes>(job, first, factor) : score<V>(job, factor, dot);
    if (job.values_u8) {
      const float total = exponentiate_u8<V>(job, top);
      sum_values_u8<V, Bytes>(job, first, job.value_scale[head] / total);
    } else {
      sum_values<V>(job, first, 1.0f / exponentiate<V>(job, top));
    }
  }
}

}  // namespace octavo::lanes16
