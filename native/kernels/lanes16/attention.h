#pragma once

#include "kernels/lanes16/rows.h"

// `Bytes` are a tier's sums of products of bytes around 128:
//   kColumns       columns of one weighted sum, a multiple of 16
//   dot_products   sums[i] = factor · Σ_c (query[c] - 128) · (keys[i][c] - 128), four keys at once
//   weighted_sums  sums[c] = Σ_j weights[j] · (values[j][c] - 128), for kColumns columns

namespace octavo::lanes16 {

/// Rows j to j + 3 of a job from the byte `offset` on; behind the last row, the last again.
template <class T>
struct FourRows {
  const T* at[4];

  FourRows(const AttendRow& job, int j, std::ptrdiff_t offset) {
    for (int i = 0; i < 4; ++i) {
      const std::byte* row = job.rows[j + i < job.count ? j + i : job.count - 1];
      at[i] = reinterpret_cast<const T*>(row + offset);
    }
  }
};

/// Scores of one head, which begins at column `first`. Up to three more than `count` are written.
template <class V>
inline void score(const AttendRow& job, std::ptrdiff_t first, float factor) {
  const float* query = job.query + first;
  for (int j = 0; j < job.count; j += 4) {
    const FourRows<float> keys(job, j, first * static_cast<std::ptrdiff_t>(sizeof(float)));
    V sum[4] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
    for_each_vector<V>(job.head_dim, [&](int c, int count) {
      const V q = load<V>(query + c, count);
      for (int i = 0; i < 4; ++i) sum[i] = V::fma(q, load<V>(keys.at[i] + c, count), sum[i]);
    });
    V::store_sum_trees(sum, factor, job.scores + j);
  }
}

template <class Bytes>
inline void score_u8(const AttendRow& job, std::ptrdiff_t first, float factor) {
  for (int j = 0; j < job.count; j += 4) {
    const FourRows<std::uint8_t> keys(job, j, first);
    Bytes::dot_products(job.query_u8 + first, keys.at, job.head_dim, factor, job.scores + j);
  }
}

/// Turns scores into exp(score - max) and returns their sum.
template <class V>
inline float exponentiate(float* scores, int count) {
  const V top = V::all(largest<V>(scores, count));
  V sum = V::all(0.0f);
  for_each_vector<V>(count, [&](int j, int n) {
    const V value = V::first(exponential(load<V>(scores + j, n) - top), n);
    store(value, scores + j, n);
    sum = sum + value;
  });
  return sum.sum_tree();
}

/// Turns scores into weights, exp(score - max) in steps of 1/255, and returns their sum; exact, as it is
/// below 2^24. Up to fifteen weights behind the last are set to 0.
template <class V>
inline float exponentiate_u8(const float* scores, int count, std::uint8_t* weights) {
  const V top = V::all(largest<V>(scores, count));
  V sum = V::all(0.0f);
  for_each_vector<V>(count, [&](int j, int n) {
    const V value = exponential(load<V>(scores + j, n) - top) * V::all(255.0f);
    const V weight = V::round(V::first(value, n));
    weight.store_u8(weights + j, V::kLanes, 0);
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
    if (job.keys_u8) {
      score_u8<Bytes>(job, first, job.score_scale[head]);
    } else {
      score<V>(job, first, job.score_scale[head]);
    }
    if (job.values_u8) {
      const float total = exponentiate_u8<V>(job.scores, job.count, job.weights);
      sum_values_u8<V, Bytes>(job, first, job.value_scale[head] / total);
    } else {
      sum_values<V>(job, first, 1.0f / exponentiate<V>(job.scores, job.count));
    }
  }
}

}  // namespace octavo::lanes16
