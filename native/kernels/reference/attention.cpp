#include <cmath>

#include "kernels/exponential.h"
#include "kernels/reference/functions.h"

namespace octavo::reference {

namespace {

/// Turns scores into exp(score - max) and returns their sum.
float exponentiate(float* scores, int count) {
  float largest = scores[0];
  for (int j = 1; j < count; ++j) largest = scores[j] > largest ? scores[j] : largest;
  for (int j = 0; j < count; ++j) scores[j] = exponential(scores[j] - largest);
  return sum16(scores, count);
}

}  // namespace

void attend(const AttendRow& job) {
  for (int head = 0; head < job.heads; ++head) {
    const std::ptrdiff_t offset = static_cast<std::ptrdiff_t>(head) * job.head_dim;
    for (int j = 0; j < job.count; ++j) {
      job.scores[j] = dot16(job.query + offset, job.rows[j] + offset, job.head_dim) * job.scale;
    }
    const float inverse = 1.0f / exponentiate(job.scores, job.count);
    for (int c = 0; c < job.head_dim; ++c) {
      float sum = 0.0f;
      for (int j = 0; j < job.count; ++j) {
        sum = std::fma(job.scores[j], job.rows[j][job.value_offset + offset + c], sum);
      }
      job.output[offset + c] = sum * inverse;
    }
  }
}

}  // namespace octavo::reference
