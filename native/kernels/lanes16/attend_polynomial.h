#pragma once

#include "kernels/integer_kernels.h"
#include "kernels/lanes16/tile.h"

// docs/numerics.md, "Integer precision", polynomial attention, over the sixteen int32 lanes S of a tier. No
// floats: kernels of this file are in translation units of their own.

namespace octavo::lanes16 {

template <class Bytes, int Queries, int Heads>
struct PolynomialTile : Tile<Bytes, AttendPolynomial, Queries, Heads> {
  PolynomialTile(const AttendPolynomial& job, int first_query, int first_head, TilePlace place)
      : Tile<Bytes, AttendPolynomial, Queries, Heads>(job, first_query, first_head, place),
        polynomials(job.heads + first_head),
        output(job.output),
        output_stride(job.output_stride) {}

  const HeadPolynomial* const polynomials;  // from `head` on
  std::uint8_t* const output;
  const std::ptrdiff_t output_stride;
};

/// y to the degree; product(a, b) is shift(a · b, 15).
template <int Degree, class V, class Product>
[[gnu::always_inline]] inline V power(V y, Product product) {
  if constexpr (Degree == 1) return y;
  const V square = product(y, y);
  if constexpr (Degree == 3) return product(square, y);
  if constexpr (Degree == 4) return product(square, square);
  return square;
}

// Numbers of the four contexts of a tile: S::Four, which has the operators of numbers, lane by lane.

/// One of each context's head.
template <class Four, class Tile>
[[gnu::always_inline]] inline Four of_heads(const Tile& tile, std::int32_t HeadPolynomial::* number) {
  Four numbers;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) numbers[i] = tile.polynomials[i % Tile::kContexts / Tile::kQueries].*number;
  return numbers;
}

/// The binary digits of n, 0 <= n < 2^31.
template <class Four>
[[gnu::always_inline]] inline Four bits(Four n) {
  Four count{};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) count[i] = 32 - __builtin_clz(static_cast<unsigned>(n[i]) | 1u);
  return count;
}

template <class Four>
[[gnu::always_inline]] inline Four smaller(Four a, Four b) {
  return a < b ? a : b;
}
template <class Four>
[[gnu::always_inline]] inline Four larger(Four a, Four b) {
  return a > b ? a : b;
}

/// How the scores y >= 0 of a row become weights: (min(shift(y, right), 32767)^n + delta) · inverse / 2^22,
/// rounded; half is what rounds y.
template <class S>
struct RowWeights {
  typename S::Four right;
  typename S::Four half;
  typename S::Four inverse;
  typename S::Four delta;
};

/// `largest` are the largest scores that are seen. P, the largest p of a row, is that of the largest score,
/// so it is known before any other: shift(y, t), min(y, 32767), shift(a · b, 15) of factors that are not
/// negative and the sum with δ, the same for all keys that are seen, never decrease when y grows; keys that
/// are not seen have p = 0, and one is seen.
template <int Degree, class S, class Tile>
[[gnu::always_inline]] inline RowWeights<S> row_weights(const Tile& tile, typename S::Four largest) {
  using Four = typename S::Four;
  RowWeights<S> row{};
  row.right = larger(bits(largest) - 15, Four{});
  row.half = ((Four{} + 1) << row.right) >> 1;
  using Unsigned [[gnu::vector_size(16)]] = std::uint32_t;  // the sum may be 2^31
  const auto sum = reinterpret_cast<Unsigned>(largest) + reinterpret_cast<Unsigned>(row.half);
  const Four y =
      smaller(reinterpret_cast<Four>(sum >> reinterpret_cast<Unsigned>(row.right)), Four{} + 32767);
  const Four p = power<Degree>(y, [](Four a, Four b) { return (a * b + (1 << 14)) >> 15; });
  // shift(m, k) is the larger half of m >> (k - 1), and a mantissa is below 2^31.
  const Four places = of_heads<Four>(tile, &HeadPolynomial::delta_shift) + Degree * row.right - 1;
  const Four shifted = of_heads<Four>(tile, &HeadPolynomial::delta) >> smaller(places, Four{} + 31);
  row.delta = smaller(shifted - (shifted >> 1), Four{} + 32767);
  const Four largest_power = larger(p + row.delta, Four{} + 1);
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    if (i < Tile::kContexts) {
      row.inverse[i] = static_cast<std::int32_t>((255u << 22) / static_cast<unsigned>(largest_power[i]));
    }
  }
  return row;
}

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
[[gnu::always_inline]] inline void weigh_polynomial(const Tile& tile, typename S::Four largest,
                                                    S (&sum)[Contexts]) {
  const RowWeights<S> row = row_weights<Degree, S>(tile, largest);
#pragma GCC unroll 4
  for (int i = 0; i < Contexts; ++i) {
    const S right = S::all(row.right[i]);
    const S half = S::all(row.half[i]);
    const S inverse = S::all(row.inverse[i]);
    const S constant = S::all(row.delta[i]) * inverse + S::all(1 << 21);
    S total = S::all(0);
    for (int page = 0; page < tile.page_count; ++page) {
      const std::ptrdiff_t place = i * tile.room + page * kPagePositions;
      const S y = S::min((S::load(tile.scores + place) + half).logical_right(right), S::all(32767));
      const S weight = (power<Degree>(y, S::product15) * inverse + constant).logical_right(22);
      const S seen = S::where(tile.seen(i % Tile::kQueries, page), weight);
      Tile::Bytes::store_weights(seen, tile.weights + place);
      total = total + seen;
    }
    sum[i] = total;
  }
}

/// x ⊗ (C / fixed(W)) for sums of values x whose weights' sum is W. C is at most 2^4 and W at least 255, so
/// that the factor's shift is 34 or more: floors nest, and of x · m the upper half is enough.
template <class S>
struct ContextFactors {
  typename S::Four multiplier;
  typename S::Four half;
  typename S::Four right;
};

template <class S, class Tile>
[[gnu::always_inline]] inline ContextFactors<S> context_factors(const Tile& tile, typename S::Four weights) {
  using Four = typename S::Four;
  weights = larger(weights, Four{} + 255);
  const Four count = bits(weights);
  const Four divisor = weights << (31 - count);
  const Four mantissa = of_heads<Four>(tile, &HeadPolynomial::context);
  const Four one_more = (mantissa < divisor) & 1;  // k = 30 + one_more
  // The rule of quotients: mantissa · 2^k + divisor / 2 in two words, whose lower one does not overflow.
  const Four high = mantissa >> (2 - one_more);
  const Four low = (mantissa << (30 + one_more)) + (divisor >> 1);
  ContextFactors<S> factors{};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    if (i < Tile::kContexts) factors.multiplier[i] = S::divide(high[i], low[i], divisor[i]);
  }
  const Four exponent =
      of_heads<Four>(tile, &HeadPolynomial::context_exponent) - (count - 31) - (30 + one_more);
  factors.right = smaller(-exponent - 32, Four{} + 31);
  factors.half = (Four{} + 1) << (factors.right - 1);
  return factors;
}

template <class S, class Tile>
[[gnu::always_inline]] inline void sum_polynomial(const Tile& tile, const ContextFactors<S>& factors) {
  for_each_block<typename Tile::Bytes>(tile.layout.head_dim, [&](auto vectors, int c, int last) {
    constexpr int kVectors = decltype(vectors)::value;
    S sums[Tile::kContexts][kVectors];
    Tile::Bytes::weighted_sums(tile, c, sums);
#pragma GCC unroll 4
    for (int i = 0; i < Tile::kContexts; ++i) {
      std::uint8_t* output = tile.output + (tile.first + i % Tile::kQueries) * tile.output_stride +
                             tile.column(i / Tile::kQueries) + c;
      const S multiplier = S::all(factors.multiplier[i]);
      const S half = S::all(factors.half[i]);
      const S right = S::all(factors.right[i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const S context = ((S::upper_halves(sums[i][v], multiplier) + half) >> right) + S::all(128);
        context.store_u8(output + v * S::kLanes, v + 1 < kVectors ? S::kLanes : last);
      }
    }
  });
}

template <class S, class Bytes>
struct PolynomialKernel {
  template <int Queries, int Heads>
  class Contexts {
   public:
    Contexts(const AttendPolynomial& job, int first, int head, TilePlace place)
        : tile_(job, first, head, place), degree_(job.degree) {}

    [[gnu::noinline]] void score() { largest_ = score_polynomial<S>(tile_); }

    [[gnu::noinline]] void weigh() {
      switch (degree_) {
        case 1: return weigh_polynomial<1>(tile_, largest_, sum_);
        case 2: return weigh_polynomial<2>(tile_, largest_, sum_);
        case 3: return weigh_polynomial<3>(tile_, largest_, sum_);
        default: return weigh_polynomial<4>(tile_, largest_, sum_);
      }
    }

    [[gnu::noinline]] void sum() { sum_polynomial(tile_, context_factors<S>(tile_, of_four(sum_, S::sums))); }

   private:
    const PolynomialTile<Bytes, Queries, Heads> tile_;
    const int degree_;
    typename S::Four largest_;
    S sum_[Queries * Heads];
  };
};

template <class S, class Bytes>
void attend_polynomial(const AttendPolynomial& job) {
  attend_tiles<PolynomialKernel<S, Bytes>>(with_visible<Bytes>(job));
}

/// Weights of queries [first, first + Queries), straight to their rows.
template <class S, class Bytes, int Queries>
void weigh_polynomial_tile(AttendPolynomial job, const HeadWeights& target, int first) {
  job.weights = target.weights + first * target.stride;
  typename PolynomialKernel<S, PlainWeights<Bytes>>::template Contexts<Queries, 1> contexts(
      job, first, target.head, {0, 0});
  contexts.score();
  contexts.weigh();
}

template <class S, class Bytes>
void weigh_polynomial(const AttendPolynomial& any_job, const HeadWeights& target) {
  const AttendPolynomial job = with_visible<Bytes>(any_job);
  int first = 0;
  for (; first + 4 <= job.queries; first += 4) weigh_polynomial_tile<S, Bytes, 4>(job, target, first);
  for (; first < job.queries; ++first) weigh_polynomial_tile<S, Bytes, 1>(job, target, first);
}

}  // namespace octavo::lanes16
