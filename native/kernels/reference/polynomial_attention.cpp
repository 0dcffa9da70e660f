#include <algorithm>
#include <bit>
#include <cstddef>

#include "kernels/fixed_point.h"
#include "kernels/integer_kernels.h"
#include "kernels/reference/functions.h"

namespace octavo::reference {

namespace {

constexpr std::int64_t kLargest16 = 32767;

/// One head of one query, and the keys it sees. Pages are as in attention.cpp.
class PolynomialHead {
 public:
  PolynomialHead(const AttendPolynomial& job, int query, int head)
      : job_(job),
        order_(job.order != nullptr ? job.order + query * job.order_stride : nullptr),
        count_(job.order != nullptr ? job.counts[query] : job.positions),
        query_(query),
        head_(head),
        polynomial_(job.heads[head]) {}

  void attend() const { sum_values(weigh()); }

  /// Leaves the weights in the job's scratch and returns their sum.
  std::int64_t weigh() const {
    std::int64_t largest = 0;
    for (int j = 0; j < count_; ++j) {
      const std::int64_t score = std::max<std::int64_t>(product_with_key(j) + polynomial_.bias, 0);
      job_.scores[j] = static_cast<std::int32_t>(score);
      largest = std::max(largest, score);
    }
    const int t = std::max(static_cast<int>(std::bit_width(static_cast<std::uint64_t>(largest))) - 15, 0);
    const std::int64_t delta = delta_at(t);
    std::int64_t largest_power = 1;
    for (int j = 0; j < count_; ++j) {
      const std::int64_t p =
          power(t == 0 ? job_.scores[j] : std::min(rounded_shift(job_.scores[j], t), kLargest16));
      job_.scores[j] = static_cast<std::int32_t>(p + delta);
      largest_power = std::max(largest_power, p + delta);
    }
    const std::int64_t inverse = (std::int64_t{255} << 22) / largest_power;
    std::int64_t total = 0;
    for (int j = 0; j < count_; ++j) {
      job_.weights[j] = static_cast<std::uint8_t>(rounded_shift(job_.scores[j] * inverse, 22));
      total += job_.weights[j];
    }
    return total;
  }

 private:
  int first() const { return head_ * job_.layout->head_dim; }

  /// This head's part of row j of keys or values, which begin at `offset` in a page.
  const std::uint8_t* row(int j, std::size_t offset) const {
    const int position = order_ != nullptr ? order_[j] : j;
    const std::byte* page = job_.pages[position / kPagePositions];
    const int place = position % kPagePositions * job_.layout->heads * job_.layout->head_dim + first();
    return reinterpret_cast<const std::uint8_t*>(page + offset) + place;
  }

  std::int64_t product_with_key(int j) const {
    const std::uint8_t* query = job_.query + query_ * job_.query_stride + first();
    const std::uint8_t* key = row(j, 0);
    std::int64_t sum = 0;
    for (int c = 0; c < job_.layout->head_dim; ++c) sum += (query[c] - 128) * (key[c] - 128);
    return sum;
  }

  std::int64_t delta_at(int t) const {
    const int k = polynomial_.delta_shift + job_.degree * t;
    return k > 62 ? 0 : std::min(rounded_shift(polynomial_.delta, k), kLargest16);
  }

  /// y to the degree, by the rule of powers.
  std::int64_t power(std::int64_t y) const {
    std::int64_t p = y;
    for (int bit = static_cast<int>(std::bit_width(static_cast<unsigned>(job_.degree))) - 2; bit >= 0;
         --bit) {
      p = rounded_shift(p * p, 15);
      if ((job_.degree >> bit & 1) != 0) p = rounded_shift(p * y, 15);
    }
    return p;
  }

  /// `total` is the sum of the weights.
  void sum_values(std::int64_t total) const {
    const FixedPoint factor = quotient({polynomial_.context, polynomial_.context_exponent},
                                       fixed(std::max<std::int64_t>(total, 255)));
    std::uint8_t* output = job_.output + query_ * job_.output_stride + first();
    for (int c = 0; c < job_.layout->head_dim; ++c) {
      std::int64_t sum = 0;
      for (int j = 0; j < count_; ++j) {
        sum += std::int64_t{job_.weights[j]} * (row(j, job_.layout->values)[c] - 128);
      }
      const std::int64_t scaled = rounded_shift(sum * factor.mantissa, std::min(-factor.exponent, 63));
      output[c] = static_cast<std::uint8_t>(std::clamp<std::int64_t>(scaled + 128, 0, 255));
    }
  }

  const AttendPolynomial& job_;
  const std::int32_t* order_;  // null: key j is at position j
  int count_;
  int query_;
  int head_;
  HeadPolynomial polynomial_;
};

}  // namespace

void attend_polynomial(const AttendPolynomial& job) {
  for (int query = 0; query < job.queries; ++query) {
    for (int head = 0; head < job.layout->heads; ++head) PolynomialHead(job, query, head).attend();
  }
}

void weigh_polynomial(const AttendPolynomial& job, const HeadWeights& target) {
  AttendPolynomial one = job;
  one.weights = target.weights;
  for (int query = 0; query < job.queries; ++query, one.weights += target.stride) {
    PolynomialHead(one, query, target.head).weigh();
  }
}

}  // namespace octavo::reference
