#pragma once

#include "kernels/lanes16/attend_bytes.h"
#include "kernels/lanes16/attend_floats.h"
#include "kernels/lanes16/pages.h"

namespace octavo::lanes16 {

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
void attend(const Attend& any_job) {
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
