#pragma once

#include "kernels/lanes16/functions.h"
#include "kernels/lanes16/tile.h"

namespace octavo::lanes16 {

/// A tile of Attend, with what sums are multiplied by.
template <class Bytes, int Queries, int Heads>
struct ScaledTile : Tile<Bytes, Attend, Queries, Heads> {
  ScaledTile(const Attend& job, int first_query, int first_head, TilePlace place = {})
      : Tile<Bytes, Attend, Queries, Heads>(job, first_query, first_head, place),
        score_scale(job.score_scale + first_head),
        value_scale(job.value_scale + first_head),
        has_bias(job.bias.values != nullptr),
        bias_(job.bias) {}

  /// What is added to the scores of context i, by position.
  const float* bias(int i) const {
    return bias_.values + (this->head + i / Queries) * bias_.head_stride +
           (this->first + i % Queries) * bias_.query_stride;
  }

  const float* const score_scale;  // from `head` on
  const float* const value_scale;
  const bool has_bias;

 private:
  const ScoreBias bias_;
};

/// Where contexts go, and how.
template <class V>
class ContextRows {
 public:
  explicit ContextRows(const Attend& job)
      : output_(job.output),
        output_stride_(job.output_stride),
        quantized_(job.quantized),
        lowest_(lowest_level<V>(quantized_)),
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

}  // namespace octavo::lanes16
