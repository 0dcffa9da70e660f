#pragma once

#include "kernels/lanes16/functions.h"

namespace octavo::lanes16 {

/// Queries [first, first + Queries) of heads [head, head + Heads): at most four contexts, number i being that
/// of query first + i % Queries and head head + i / Queries. Fields of the job are copied, so that no store
/// of bytes can be taken to change them.
template <class V, class BytesType, int Queries, int Heads>
struct Tile {
  using Bytes = BytesType;
  using Weight = typename Bytes::Weight;
  static constexpr int kQueries = Queries;
  static constexpr int kContexts = Queries * Heads;
  static_assert(kContexts * sizeof(Weight) <= kAttendScratchRows, "scratch is too small for the weights");

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

}  // namespace octavo::lanes16
