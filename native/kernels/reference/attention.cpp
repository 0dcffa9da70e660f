#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/exponential.h"
#include "kernels/reference/functions.h"

// A page holds keys and values that are bytes row by row, as they come. Nothing is kept in `key_sums`.

namespace octavo::reference {

namespace {

constexpr std::size_t kPageAlignment = 64;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kPageAlignment - 1) / kPageAlignment * kPageAlignment;
}

std::size_t row_bytes(const PageLayout& layout, bool u8) {
  const std::size_t width =
      static_cast<std::size_t>(layout.heads) * static_cast<std::size_t>(layout.head_dim);
  return u8 ? width : width * sizeof(float);
}

void keep_row(const std::byte* row, const PageLayout& layout, bool u8, std::size_t place, std::byte* target) {
  if (u8) {
    std::copy_n(row, row_bytes(layout, u8), target + place * row_bytes(layout, u8));
    return;
  }
  const std::size_t head_bytes = static_cast<std::size_t>(layout.head_dim) * sizeof(float);
  for (std::size_t head = 0; head < static_cast<std::size_t>(layout.heads); ++head) {
    std::copy_n(row + head * head_bytes, head_bytes, target + (head * kPagePositions + place) * head_bytes);
  }
}

/// One head of one query, and the keys it sees.
class QueryHead {
 public:
  QueryHead(const Attend& job, int query, int head)
      : job_(job),
        order_(job.order != nullptr ? job.order + query * job.order_stride : nullptr),
        count_(job.order != nullptr ? job.counts[query] : job.positions),
        query_(query),
        head_(head) {}

  void attend() const {
    exponentiate_scores();
    if (job_.layout->values_u8) {
      sum_values_u8();
    } else {
      sum_values();
    }
  }

  /// Leaves the weights in the job's scratch, as integers.
  void weigh() const {
    exponentiate_scores();
    round_weights();
  }

 private:
  int first() const { return head_ * job_.layout->head_dim; }
  int position(int j) const { return order_ != nullptr ? order_[j] : j; }

  void exponentiate_scores() const {
    for (int j = 0; j < count_; ++j) job_.scores[j] = product_with_key(j) * job_.score_scale[head_];
    if (job_.bias.values != nullptr) add_bias();
    const float largest = *std::max_element(job_.scores, job_.scores + count_);
    for (int j = 0; j < count_; ++j) job_.scores[j] = exponential(job_.scores[j] - largest);
  }

  void add_bias() const {
    const float* bias = job_.bias.values + head_ * job_.bias.head_stride + query_ * job_.bias.query_stride;
    for (int j = 0; j < count_; ++j) job_.scores[j] = job_.scores[j] + bias[position(j)];
  }

  /// Returns the sum of the weights.
  std::int32_t round_weights() const {
    std::int32_t total = 0;
    for (int j = 0; j < count_; ++j) {
      job_.weights[j] = to_u8(job_.scores[j] * 255.0f, 0, 255, 0);
      total += job_.weights[j];
    }
    return total;
  }

  /// This head's part of key j's row of keys or values, which begin at `offset` in a page.
  template <class T>
  const T* row(int j, std::size_t offset) const {
    const int at = position(j);
    const auto place = static_cast<std::size_t>(at % kPagePositions);
    const std::byte* page = job_.pages[at / kPagePositions] + offset;
    if constexpr (sizeof(T) == 1) {
      return reinterpret_cast<const T*>(page + place * row_bytes(*job_.layout, true)) + first();
    }
    return reinterpret_cast<const T*>(page) + kPagePositions * first() +
           place * static_cast<std::size_t>(job_.layout->head_dim);
  }

  float product_with_key(int j) const {
    const int n = job_.layout->head_dim;
    const std::byte* query = job_.query + query_ * job_.query_stride;
    if (!job_.layout->keys_u8) {
      return dot16(reinterpret_cast<const float*>(query) + first(), row<float>(j, 0), n);
    }
    const auto* query_u8 = reinterpret_cast<const std::uint8_t*>(query) + first();
    const auto* key = row<std::uint8_t>(j, 0);
    std::int32_t sum = 0;
    for (int c = 0; c < n; ++c) sum += (query_u8[c] - 128) * (key[c] - 128);
    return static_cast<float>(sum);
  }

  void sum_values() const {
    const float inverse = 1.0f / sum16(job_.scores, count_);
    for (int c = 0; c < job_.layout->head_dim; ++c) {
      float sum = 0.0f;
      for (int j = 0; j < count_; ++j) {
        sum = std::fma(job_.scores[j], row<float>(j, job_.layout->values)[c], sum);
      }
      store(c, sum * inverse);
    }
  }

  void sum_values_u8() const {
    const float factor = job_.value_scale[head_] / static_cast<float>(round_weights());
    for (int c = 0; c < job_.layout->head_dim; ++c) {
      std::int32_t sum = 0;
      for (int j = 0; j < count_; ++j) {
        sum += job_.weights[j] * (row<std::uint8_t>(j, job_.layout->values)[c] - 128);
      }
      store(c, static_cast<float>(sum) * factor);
    }
  }

  void store(int c, float value) const {
    if (job_.quantized.values != nullptr) {
      store_quantized(job_.quantized, query_, first() + c, value);
    } else {
      job_.output[query_ * job_.output_stride + first() + c] = value;
    }
  }

  const Attend& job_;
  const std::int32_t* order_;  // null: key j is at position j
  int count_;
  int query_;
  int head_;
};

}  // namespace

PageLayout page_layout(int heads, int head_dim, bool keys_u8, bool values_u8) {
  PageLayout layout{.heads = heads, .head_dim = head_dim, .keys_u8 = keys_u8, .values_u8 = values_u8};
  layout.values = aligned(kPagePositions * row_bytes(layout, keys_u8));
  layout.key_sums = layout.values;
  layout.bytes = layout.values + aligned(kPagePositions * row_bytes(layout, values_u8));
  return layout;
}

void keep_rows(const KeepRows& job) {
  for (int r = 0; r < job.rows; ++r) {
    std::byte* page = job.pages[r];
    keep_row(job.keys + r * job.key_stride, *job.layout, job.layout->keys_u8, job.positions[r], page);
    keep_row(job.values + r * job.value_stride, *job.layout, job.layout->values_u8, job.positions[r],
             page + job.layout->values);
  }
}

void attend(const Attend& job) {
  for (int query = 0; query < job.queries; ++query) {
    for (int head = 0; head < job.layout->heads; ++head) QueryHead(job, query, head).attend();
  }
}

void weigh(const Attend& job, const HeadWeights& target) {
  Attend one = job;
  one.weights = target.weights;
  for (int query = 0; query < job.queries; ++query, one.weights += target.stride) {
    QueryHead(one, query, target.head).weigh();
  }
}

}  // namespace octavo::reference
