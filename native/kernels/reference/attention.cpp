#include <cmath>

#include "kernels/exponential.h"
#include "kernels/reference/functions.h"

namespace octavo::reference {

namespace {

/// One head of a job: column `first` of its rows.
struct Head {
  const AttendRow& job;
  int index;
  std::ptrdiff_t first;

  const float* key(int j) const { return reinterpret_cast<const float*>(job.rows[j]) + first; }
  const std::uint8_t* key_u8(int j) const {
    return reinterpret_cast<const std::uint8_t*>(job.rows[j]) + first;
  }
  const float* value(int j) const {
    return reinterpret_cast<const float*>(job.rows[j] + job.value_offset) + first;
  }
  const std::uint8_t* value_u8(int j) const {
    return reinterpret_cast<const std::uint8_t*>(job.rows[j] + job.value_offset) + first;
  }
};

float product_with_key(const Head& head, int j) {
  const AttendRow& job = head.job;
  if (!job.keys_u8) return dot16(job.query + head.first, head.key(j), job.head_dim);
  std::int32_t sum = 0;
  for (int c = 0; c < job.head_dim; ++c) {
    sum += (job.query_u8[head.first + c] - 128) * (head.key_u8(j)[c] - 128);
  }
  return static_cast<float>(sum);
}

/// Turns scores into exp(score - max).
void exponentiate(float* scores, int count) {
  float largest = scores[0];
  for (int j = 1; j < count; ++j) largest = scores[j] > largest ? scores[j] : largest;
  for (int j = 0; j < count; ++j) scores[j] = exponential(scores[j] - largest);
}

void store(const Head& head, int c, float value) {
  const int column = static_cast<int>(head.first) + c;
  if (head.job.quantized.values != nullptr) {
    store_quantized(head.job.quantized, 0, column, value);
  } else {
    head.job.output[column] = value;
  }
}

void sum_values(const Head& head) {
  const AttendRow& job = head.job;
  const float inverse = 1.0f / sum16(job.scores, job.count);
  for (int c = 0; c < job.head_dim; ++c) {
    float sum = 0.0f;
    for (int j = 0; j < job.count; ++j) sum = std::fma(job.scores[j], head.value(j)[c], sum);
    store(head, c, sum * inverse);
  }
}

void sum_values_u8(const Head& head) {
  const AttendRow& job = head.job;
  std::int32_t total = 0;
  for (int j = 0; j < job.count; ++j) {
    job.weights[j] = to_u8(job.scores[j] * 255.0f, 0, 255, 0);
    total += job.weights[j];
  }
  const float factor = job.value_scale[head.index] / static_cast<float>(total);
  for (int c = 0; c < job.head_dim; ++c) {
    std::int32_t sum = 0;
    for (int j = 0; j < job.count; ++j) sum += job.weights[j] * (head.value_u8(j)[c] - 128);
    store(head, c, static_cast<float>(sum) * factor);
  }
}

}  // namespace

void attend(const AttendRow& job) {
  for (int index = 0; index < job.heads; ++index) {
    const Head head{job, index, static_cast<std::ptrdiff_t>(index) * job.head_dim};
    for (int j = 0; j < job.count; ++j) {
      job.scores[j] = product_with_key(head, j) * job.score_scale[index];
    }
    exponentiate(job.scores, job.count);
    if (job.values_u8) {
      sum_values_u8(head);
    } else {
      sum_values(head);
    }
  }
}

}  // namespace octavo::reference
