#pragma once

#include "kernels/lanes16/rows.h"

namespace octavo::lanes16 {

template <class V>
inline float dot16(const float* a, const float* b, int n) {
  V sum = V::all(0.0f);
  for_each_vector<V>(
      n, [&](int i, int count) { sum = V::fma(load<V>(a + i, count), load<V>(b + i, count), sum); });
  return sum.sum_tree();
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

/// output[0, n) = Σ_j weights[j] · rows[j][offset, offset + n), times `factor`.
template <class V>
inline void weighted_sum(const AttendRow& job, std::ptrdiff_t offset, int n, float factor, float* output) {
  int c = 0;
  for (; c + 4 * V::kLanes <= n; c += 4 * V::kLanes) {
    V sum[4] = {V::all(0.0f), V::all(0.0f), V::all(0.0f), V::all(0.0f)};
    for (int j = 0; j < job.count; ++j) {
      const float* value = job.rows[j] + offset + c;
      const V weight = V::all(job.scores[j]);
      for (int v = 0; v < 4; ++v) sum[v] = V::fma(weight, V::load(value + v * V::kLanes), sum[v]);
    }
    for (int v = 0; v < 4; ++v) (sum[v] * V::all(factor)).store(output + c + v * V::kLanes);
  }
  for (; c < n; c += V::kLanes) {
    const int count = n - c < V::kLanes ? n - c : V::kLanes;
    V sum = V::all(0.0f);
    for (int j = 0; j < job.count; ++j) {
      sum = V::fma(V::all(job.scores[j]), load<V>(job.rows[j] + offset + c, count), sum);
    }
    store(sum * V::all(factor), output + c, count);
  }
}

template <class V>
void attend(const AttendRow& job) {
  for (int head = 0; head < job.heads; ++head) {
    const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(head) * job.head_dim;
    for (int j = 0; j < job.count; ++j) {
      job.scores[j] = dot16<V>(job.query + offset, job.rows[j] + offset, job.head_dim) * job.scale;
    }
    const float inverse = 1.0f / exponentiate<V>(job.scores, job.count);
    weighted_sum<V>(job, job.value_offset + offset, job.head_dim, inverse, job.output + offset);
  }
}

}  // namespace octavo::lanes16
