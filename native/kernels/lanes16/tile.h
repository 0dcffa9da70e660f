#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/kernel_table.h"

namespace octavo::lanes16 {

inline constexpr int kMostContexts = 4;  // of a tile
inline constexpr int kTilesInStep = 2;

/// A tile's part in a step.
struct TilePlace {
  int scratch = 0;      // which scratch is its own, below kTilesInStep
  int heads_ahead = 0;  // from its heads to those whose keys are read after these tiles
};

/// Queries [first, first + Queries) of heads [head, head + Heads) of a job, Attend or AttendPolynomial: at
/// most four contexts, number i being that of query first + i % Queries and head head + i / Queries.
template <class BytesType, class Job, int Queries, int Heads>
struct Tile {
  using Bytes = BytesType;
  using Weight = typename Bytes::Weight;
  using Score = std::remove_pointer_t<decltype(Job::scores)>;
  static constexpr int kQueries = Queries;
  static constexpr int kHeads = Heads;
  static constexpr int kContexts = Queries * Heads;
  static_assert(kContexts <= kMostContexts);
  static_assert(kTilesInStep * kMostContexts * sizeof(Weight) <= kAttendScratchRows);
  static_assert(kTilesInStep * kMostContexts < kAttendScratchRows, "and a row for with_visible");

  Tile(const Job& job, int first_query, int first_head, TilePlace place = {})
      : layout(*job.layout),
        first(first_query),
        head(first_head),
        heads_ahead(place.heads_ahead),
        only(job.queries == Queries),
        pages(job.pages),
        page_count((job.positions + kPagePositions - 1) / kPagePositions),
        query(reinterpret_cast<const std::byte*>(job.query) + first * job.query_stride),
        query_stride(job.query_stride),
        room((job.positions + 63) / 64 * 64),
        scores(job.scores + place.scratch * kMostContexts * room),
        weights(reinterpret_cast<Weight*>(job.weights) + place.scratch * kMostContexts * room),
        visible_(job.visible + first * job.visible_stride),
        visible_stride_(job.visible_stride) {}

  std::ptrdiff_t column(int h) const { return static_cast<std::ptrdiff_t>(head + h) * layout.head_dim; }

  /// The positions of a page that query q sees.
  unsigned seen(int q, int page) const { return visible_[q * visible_stride_ + page]; }

  const PageLayout layout;
  const int first;
  const int head;
  const int heads_ahead;
  const bool only;  // no other queries read the pages of these heads
  const std::byte* const* const pages;
  const int page_count;
  const std::byte* const query;  // row `first`
  const std::ptrdiff_t query_stride;
  const std::ptrdiff_t room;
  Score* const scores;  // of context i from i · room on
  Weight* const weights;

 private:
  const std::uint16_t* const visible_;
  const std::ptrdiff_t visible_stride_;
};

/// f of four vectors: those there are, the first again for those that are not.
template <class V, int Count, class F>
inline auto of_four(const V (&x)[Count], F f) {
  const V four[4] = {x[0], x[Count > 1 ? 1 : 0], x[Count > 2 ? 2 : 0], x[Count > 3 ? 3 : 0]};
  return f(four);
}

/// One tile's contexts, by Kernel::Contexts<Queries, Heads>.
template <class Kernel, int Queries, int Heads, class Job>
void attend_tile(const Job& job, int first, int head) {
  typename Kernel::template Contexts<Queries, Heads> contexts(job, first, head, {0, Heads});
  contexts.score();
  contexts.weigh();
  contexts.sum();
}

/// Those of two tiles of neighbouring heads, in step: what one waits for is the time of the other.
template <class Kernel, int Queries, int Heads, class Job>
void attend_two_tiles(const Job& job, int first, int head) {
  const int ahead = head + 2 * Heads < job.layout->heads ? 2 * Heads : Heads;
  typename Kernel::template Contexts<Queries, Heads> a(job, first, head, {0, ahead});
  typename Kernel::template Contexts<Queries, Heads> b(job, first, head + Heads, {1, ahead});
  a.score();
  b.score();
  a.weigh();
  b.weigh();
  a.sum();
  b.sum();
}

/// `Queries` queries of every head, `Heads` heads at a time.
template <class Kernel, int Queries, int Heads, class Job>
void attend_heads(const Job& job, int first) {
  int head = 0;
  for (; head + 2 * Heads <= job.layout->heads; head += 2 * Heads) {
    attend_two_tiles<Kernel, Queries, Heads>(job, first, head);
  }
  for (; head + Heads <= job.layout->heads; head += Heads) {
    attend_tile<Kernel, Queries, Heads>(job, first, head);
  }
  for (; head < job.layout->heads; ++head) attend_tile<Kernel, Queries, 1>(job, first, head);
}

/// All queries and heads of a job in tiles.
template <class Kernel, class Job>
void attend_tiles(const Job& job) {
  const int whole = job.queries / 4 * 4;
  for (int head = 0; head < job.layout->heads; head += 2) {
    for (int first = 0; first < whole; first += 4) {
      if (head + 1 < job.layout->heads) {
        attend_two_tiles<Kernel, 4, 1>(job, first, head);
      } else {
        attend_tile<Kernel, 4, 1>(job, first, head);
      }
    }
  }
  if (job.queries - whole == 3) attend_heads<Kernel, 3, 1>(job, whole);
  if (job.queries - whole == 2) attend_heads<Kernel, 2, 2>(job, whole);
  if (job.queries - whole == 1) attend_heads<Kernel, 1, 4>(job, whole);
}

/// Sums of weighted values of a head in blocks of columns: block(vectors, column, last), `vectors` a constant
/// and `last` how many columns its last vector has.
template <class Bytes, class Block>
[[gnu::always_inline]] inline void for_each_block(int head_dim, Block block) {
  constexpr int kLanes = 16;
  constexpr int kVectors = Bytes::kVectors;
  int c = 0;
  for (; head_dim - c >= kVectors * kLanes; c += kVectors * kLanes) {
    block(std::integral_constant<int, kVectors>{}, c, kLanes);
  }
  if constexpr (kVectors == 4) {
    if (head_dim - c >= 2 * kLanes) {
      block(std::integral_constant<int, 2>{}, c, kLanes);
      c += 2 * kLanes;
    }
  }
  for (; c < head_dim; c += kLanes) {
    block(std::integral_constant<int, 1>{}, c, head_dim - c < kLanes ? head_dim - c : kLanes);
  }
}

/// The same job with `visible` set where each query sees all: one row of bits for all queries, behind the
/// rows of scores that are used.
template <class Bytes, class Job>
Job with_visible(Job job) {
  if (job.visible != nullptr) return job;
  auto* bits = reinterpret_cast<std::uint16_t*>(job.scores + (job.positions + 63) / 64 * 64 * kTilesInStep *
                                                                 kMostContexts);
  job.visible = bits;
  job.visible_stride = 0;
  int left = job.positions;
  for (; left > kPagePositions; left -= kPagePositions) *bits++ = 0xffff;
  *bits = static_cast<std::uint16_t>((1u << left) - 1u);
  return job;
}

/// The same bytes in pages, and weights as plain bytes, which nothing is weighted with.
template <class Bytes>
struct PlainWeights : Bytes {
  using Weight = std::uint8_t;
  template <class S>
  [[gnu::always_inline]] static void store_weights(S weights, std::uint8_t* target) {
    weights.store_u8(target, S::kLanes);
  }
};

}  // namespace octavo::lanes16
