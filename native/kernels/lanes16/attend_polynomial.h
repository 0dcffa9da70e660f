#pragma once

#include "kernels/fixed_point.h"
#include "kernels/integer_kernels.h"
#include "kernels/lanes16/tile.h"

// docs/numerics.md, "Integer precision", polynomial attention, over the sixteen int32 lanes S of a tier. No
// floats: kernels of this file are in translation units of their own.

namespace octavo::lanes16 {

template <class Bytes, int Queries, int Heads>
struct PolynomialTile : Tile<Bytes, AttendPolynomial, Queries, Heads> {
  PolynomialTile(const AttendPolynomial& job, int first_query, int first_head)
      : Tile<Bytes, AttendPolynomial, Queries, Heads>(job, first_query, first_head),
        polynomials(job.heads + first_head),
        output(job.output),
        output_stride(job.output_stride) {}

  const HeadPolynomial* const polynomials;  // from `head` on
  std::uint8_t* const output;
  const std::ptrdiff_t output_stride;
};

template <int Degree, class S>
inline S power(S y) {
  if constexpr (Degree == 1) return y;
  const S square = S::product15(y, y);
  if constexpr (Degree == 3) return S::product15(square, y);
  if constexpr (Degree == 4) return S::product15(square, square);
  return square;
}

/// How the scores y >= 0 of one row become weights; `largest` is the largest of those that are seen.
template <int Degree, class S>
class RowWeights {
 public:
  /// P, the largest p of the row, is that of the largest y, so it is known before any other: shift(y, t),
  /// min(y, 32767), shift(a · b, 15) of factors that are not negative and the sum with δ, the same for all
  /// keys that are seen, never decrease when y grows; keys that are not seen have p = 0, and one is seen.
  RowWeights(const HeadPolynomial& head, std::int32_t largest)
      : right_(bits_above_15(largest)),
        half_(S::all(right_ > 0 ? 1 << (right_ - 1) : 0)),
        delta_(S::all(delta_at(head, right_))),
        inverse_(S::all(1)) {
    const std::int32_t top = powers(S::all(largest)).first_lane();
    inverse_ = S::all(static_cast<std::int32_t>((255u << 22) / static_cast<unsigned>(top > 1 ? top : 1)));
  }

  /// shift(p · r, 22), which is at most 255, as p <= P and r <= 255 · 2^22 / P; anything where y is more than
  /// the largest.
  S weights(S y) const { return (powers(y) * inverse_ + S::all(1 << 21)).logical_right(22); }

 private:
  static int bits_above_15(std::int32_t n) {
    const int bits = 32 - __builtin_clz(static_cast<unsigned>(n) | 1u);
    return bits > 15 ? bits - 15 : 0;
  }

  /// A mantissa is below 2^31, so that beyond 32 places nothing is left.
  static std::int32_t delta_at(const HeadPolynomial& head, int t) {
    const int places = head.delta_shift + Degree * t;
    if (places > 32) return 0;
    const std::int64_t delta = (head.delta + (std::int64_t{1} << (places - 1))) >> places;
    return static_cast<std::int32_t>(delta < 32767 ? delta : 32767);
  }

  S powers(S y) const {
    return power<Degree>(S::min((y + half_).logical_right(right_), S::all(32767))) + delta_;
  }

  int right_;
  S half_;
  S delta_;
  S inverse_;
};

/// Scores of the positions of `Pages` pages to scratch, by position; `top` becomes the largest seen.
template <int Pages, class Tile, class S, int Contexts>
[[gnu::always_inline]] inline void score_polynomial_pages(const Tile& tile, int page, S (&top)[Contexts]) {
  S score[Contexts][Pages];
  Tile::Bytes::products(tile, page, score);
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) {
    const S bias = S::all(tile.polynomials[i / Tile::kQueries].bias);
#pragma GCC unroll 4
    for (int p = 0; p < Pages; ++p) {
      const S y = S::max(score[i][p] + bias, S::all(0));
      y.store(tile.scores + i * tile.room + (page + p) * kPagePositions);
      top[i] = S::max(S::where(tile.seen(i % Tile::kQueries, page + p), y), top[i]);
    }
  }
}

/// The largest score of each context, at least 0.
template <class S, class Tile>
[[gnu::always_inline]] inline typename S::Four score_polynomial(const Tile& tile) {
  S top[Tile::kContexts];
#pragma GCC unroll 4
  for (int i = 0; i < Tile::kContexts; ++i) top[i] = S::all(0);
  constexpr int kPages = Tile::Bytes::kPages;
  int page = 0;
  for (; page + kPages <= tile.page_count; page += kPages) score_polynomial_pages<kPages>(tile, page, top);
  for (; page < tile.page_count; ++page) score_polynomial_pages<1>(tile, page, top);
  return of_four(top, S::largest_of_each);
}

/// Scores to weights, zero where nothing is seen. The lanes of `sum` add up to theirs.
template <int Degree, class Tile, class S, int Contexts>
[[gnu::always_inline]] inline void weigh_polynomial(const Tile& tile, const std::int32_t (&largest)[4],
                                                    S (&sum)[Contexts]) {
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) {
    const RowWeights<Degree, S> row(tile.polynomials[i / Tile::kQueries], largest[i]);
    const std::ptrdiff_t begin = i * tile.room;
    S total = S::all(0);
    for (int page = 0; page < tile.page_count; ++page) {
      const std::ptrdiff_t place = begin + page * kPagePositions;
      const S weight =
          S::where(tile.seen(i % Tile::kQueries, page), row.weights(S::load(tile.scores + place)));
      Tile::Bytes::store_weights(weight, tile.weights + place);
      total = total + weight;
    }
    sum[i] = total;
  }
}

/// x ⊗ (C / fixed(W)) for a sum of values x whose weights' sum is W. C is at most 2^4 and W at least 255, so
/// that the factor's shift is 34 or more: floors nest, and of x · m the upper half is enough.
template <class S>
struct ContextFactor {
  S multiplier;
  S half;
  int right;

  static ContextFactor of(const HeadPolynomial& head, std::int32_t weights) {
    const FixedPoint factor =
        quotient({head.context, head.context_exponent}, fixed(weights > 255 ? weights : 255));
    const int right = -factor.exponent < 63 ? -factor.exponent - 32 : 31;
    return {S::all(factor.mantissa), S::all(1 << (right - 1)), right};
  }

  S operator()(S x) const { return (S::upper_product(x, multiplier) + half).right(right); }
};

template <class S, class Tile>
[[gnu::always_inline]] inline void sum_polynomial(const Tile& tile,
                                                  const ContextFactor<S> (&factor)[Tile::kContexts]) {
  for_each_block<typename Tile::Bytes>(tile.layout.head_dim, [&](auto vectors, int c, int last) {
    constexpr int kVectors = decltype(vectors)::value;
    S sums[Tile::kContexts][kVectors];
    Tile::Bytes::weighted_sums(tile, c, sums);
#pragma GCC unroll 4
    for (int i = 0; i < Tile::kContexts; ++i) {
      std::uint8_t* output = tile.output + (tile.first + i % Tile::kQueries) * tile.output_stride +
                             tile.column(i / Tile::kQueries) + c;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const S context = factor[i](sums[i][v]) + S::all(128);
        context.store_u8(output + v * S::kLanes, v + 1 < kVectors ? S::kLanes : last);
      }
    }
  });
}

template <class S, class Bytes>
struct PolynomialKernel {
  template <int Queries, int Heads>
  static void attend(const AttendPolynomial& job, int first, int head) {
    const PolynomialTile<Bytes, Queries, Heads> tile(job, first, head);
    constexpr int kContexts = Queries * Heads;
    alignas(16) std::int32_t numbers[4];
    put(score_polynomial<S>(tile), numbers);
    S sum[kContexts];
    switch (job.degree) {
      case 1: weigh_polynomial<1>(tile, numbers, sum); break;
      case 2: weigh_polynomial<2>(tile, numbers, sum); break;
      case 3: weigh_polynomial<3>(tile, numbers, sum); break;
      default: weigh_polynomial<4>(tile, numbers, sum);
    }
    put(of_four(sum, S::sums), numbers);
    ContextFactor<S> factor[kContexts];
    for (int i = 0; i < kContexts; ++i) {
      factor[i] = ContextFactor<S>::of(tile.polynomials[i / Queries], numbers[i]);
    }
    sum_polynomial<S>(tile, factor);
  }

 private:
  static void put(typename S::Four four, std::int32_t (&numbers)[4]) {
    __builtin_memcpy(numbers, &four, sizeof numbers);
  }
};

template <class S, class Bytes>
void attend_polynomial(const AttendPolynomial& job) {
  attend_tiles<PolynomialKernel<S, Bytes>>(with_visible<Bytes>(job));
}

}  // namespace octavo::lanes16
