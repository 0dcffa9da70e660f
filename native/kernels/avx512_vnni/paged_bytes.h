#pragma once

#include "kernels/lanes16/order_fours.h"
#include "kernels/vectors512/vector_s32.h"

namespace octavo::avx512_vnni {

/// Bytes in pages, for lanes16/pages.h, in fours that one vpdpbusd lane sums.
struct PagedBytes : lanes16::OrderOfFours<PagedBytes> {
  static constexpr int kPages = 2;
  static constexpr int kVectors = 4;
  static constexpr bool kKeepsFour = true;

  static int centred_sum(const std::uint8_t* x, int n) {
    __m512i sum = _mm512_setzero_si512();
    for (int c = 0; c < n; c += 64) {
      const __mmask64 mask = n - c >= 64 ? ~__mmask64{0} : (__mmask64{1} << (n - c)) - 1;
      sum = _mm512_add_epi64(sum,
                             _mm512_sad_epu8(_mm512_maskz_loadu_epi8(mask, x + c), _mm512_setzero_si512()));
    }
    return static_cast<int>(_mm512_reduce_add_epi64(sum)) - 128 * n;
  }

  static void keep_four_keys(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* keys,
                             std::ptrdiff_t stride) {
    const int head_dim = layout.head_dim;
    const std::size_t head_bytes = key_bytes(head_dim);
    std::byte* lanes = page + 4 * place;
    std::byte* key_sums = lanes + layout.key_sums;
    for (int head = 0; head < layout.heads;
         ++head, keys += head_dim, lanes += head_bytes, key_sums += kKeySumBytes) {
      S32x16 sum[4] = {};
      for (int c = 0; c < head_dim; c += 64) {
        __m512i row[4];
        for (int i = 0; i < 4; ++i) {
          row[i] = centred_block(keys + i * stride + c, head_dim - c);
          sum[i].v = _mm512_dpbusd_epi32(sum[i].v, _mm512_set1_epi8(-128), row[i]);
        }
        put_transposed(row, lanes + 16 * c, head_dim - c);
      }
      const __m128i sums = reinterpret_cast<__m128i>(-S32x16::sums(sum));
      _mm_store_si128(reinterpret_cast<__m128i*>(key_sums), sums);
    }
  }

  static void keep_values(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* row) {
    const int head_dim = layout.head_dim;
    const std::size_t head_bytes = value_bytes(head_dim);
    const __mmask64 mask = 0x1111111111111111u << place % 4;
    const __m128i shift = _mm_cvtsi32_si128(place % 4 * 8);
    std::byte* values = page + layout.values + static_cast<std::size_t>(place / 4) * (head_bytes / 4);
    for (int head = 0; head < layout.heads; ++head, row += head_dim, values += head_bytes) {
      for (int c = 0; c < head_dim; c += 16) {
        const __m512i lanes = _mm512_cvtepu8_epi32(
            _mm512_castsi512_si128(centred_block(row + c, head_dim - c < 16 ? head_dim - c : 16)));
        const __m512i others = _mm512_load_si512(values + 4 * c);
        _mm512_store_si512(values + 4 * c,
                           _mm512_mask_mov_epi8(others, mask, _mm512_sll_epi32(lanes, shift)));
      }
    }
  }

  static void keep_four_values(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* rows,
                               std::ptrdiff_t stride) {
    const int head_dim = layout.head_dim;
    const std::size_t head_bytes = value_bytes(head_dim);
    std::byte* values = page + layout.values + static_cast<std::size_t>(place / 4) * (head_bytes / 4);
    for (int head = 0; head < layout.heads; ++head, rows += head_dim, values += head_bytes) {
      for (int c = 0; c < head_dim; c += 64) {
        __m512i row[4];
        for (int i = 0; i < 4; ++i) row[i] = centred_block(rows + i * stride + c, head_dim - c);
        put_interleaved(row, values + 4 * c, head_dim - c);
      }
    }
  }

  template <class Tile, int Contexts, int Pages>
  [[gnu::always_inline]] static void products(const Tile& tile, int page,
                                              S32x16 (&products)[Contexts][Pages]) {
    const int head_dim = tile.layout.head_dim;
    const std::size_t head_bytes = key_bytes(head_dim);
    const auto head = static_cast<std::size_t>(tile.head);
    const auto* query = reinterpret_cast<const std::uint8_t*>(tile.query) + tile.column(0);
    const std::byte* keys[Pages];
    __m512i sum[Contexts][Pages];
#pragma GCC unroll 4
    for (int p = 0; p < Pages; ++p) {
      keys[p] = tile.pages[page + p] + head * head_bytes;
      const std::byte* key_sums = tile.pages[page + p] + tile.layout.key_sums + head * kKeySumBytes;
#pragma GCC unroll 4
      for (int i = 0; i < Contexts; ++i) {
        sum[i][p] = _mm512_load_si512(key_sums + static_cast<std::size_t>(i / Tile::kQueries) * kKeySumBytes);
      }
    }
    const int whole = head_dim / 4 * 4;
    // First what is left over, so that sums go from the loop straight on.
    if (whole < head_dim) add_products<true, false>(tile, query, keys, whole, sum);
    if (tile.only) {
      for (int c = 0; c < whole; c += 4) add_products<false, true>(tile, query, keys, c, sum);
    } else {
      for (int c = 0; c < whole; c += 4) add_products<false, false>(tile, query, keys, c, sum);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
#pragma GCC unroll 4
      for (int p = 0; p < Pages; ++p) products[i][p] = {finished(sum[i][p])};
    }
  }

  [[gnu::always_inline]] static void store_weights(S32x16 weights, Weight* target) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(target), _mm512_cvtepi32_epi8(weights.v));
  }

  template <class Tile, int Contexts, int Vectors>
  [[gnu::always_inline]] static void weighted_sums(const Tile& tile, int column,
                                                   S32x16 (&sums)[Contexts][Vectors]) {
    const std::size_t head_bytes = value_bytes(tile.layout.head_dim);
    const std::size_t offset = tile.layout.values + static_cast<std::size_t>(tile.head) * head_bytes +
                               4 * static_cast<std::size_t>(column);
    const std::uint8_t* weights = tile.weights;
    __m512i sum[Contexts][Vectors];
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sum[i][v] = _mm512_setzero_si512();
    }
    for (int page = 0; page < tile.page_count; ++page) {
      const std::byte* values = tile.pages[page] + offset;
      for (int s = 0; s < kPagePositions; s += 4, weights += 4, values += head_bytes / 4) {
#pragma GCC unroll 4
        for (int i = 0; i < Contexts; ++i) {
          const std::byte* value = values + static_cast<std::size_t>(i / Tile::kQueries) * head_bytes;
          const __m512i weight = broadcast_four(weights + i * tile.room);
#pragma GCC unroll 4
          for (int v = 0; v < Vectors; ++v) {
            sum[i][v] = _mm512_dpbusd_epi32(sum[i][v], weight, _mm512_load_si512(value + 64 * v));
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) sums[i][v] = {finished(sum[i][v])};
    }
  }

 private:
  /// Adds the products of columns c to c + 3, or, of the last, of as many as there are. Ahead: fetches as
  /// much of what is read next, the values of these heads and keys of later ones.
  template <bool Last, bool Ahead, class Tile, int Contexts, int Pages>
  [[gnu::always_inline]] static void add_products(const Tile& tile, const std::uint8_t* query,
                                                  const std::byte* const (&keys)[Pages], int c,
                                                  __m512i (&sum)[Contexts][Pages]) {
    const int head_dim = tile.layout.head_dim;
    const std::size_t head_bytes = key_bytes(head_dim);
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      const int h = i / Tile::kQueries;
      const std::uint8_t* x = query + i % Tile::kQueries * tile.query_stride + h * head_dim + c;
      const __m512i each =
          Last ? _mm512_set1_epi32(static_cast<int>(first_bytes(x, head_dim - c))) : broadcast_four(x);
#pragma GCC unroll 4
      for (int p = 0; p < Pages; ++p) {
        const std::byte* column = keys[p] + static_cast<std::size_t>(h) * head_bytes + 16 * c;
        const __m512i key = _mm512_load_si512(column);
        if (Ahead && i % Tile::kQueries == 0) {
          _mm_prefetch(column + tile.layout.values, _MM_HINT_T0);
          _mm_prefetch(column + static_cast<std::size_t>(tile.heads_ahead) * head_bytes, _MM_HINT_T0);
        }
        sum[i][p] = _mm512_dpbusd_epi32(sum[i][p], each, key);
      }
    }
  }

  /// x, of which the compiler knows nothing: gcc would otherwise convert sums within the loop that makes
  /// them.
  static __m512i finished(__m512i x) {
    __asm__("" : "+v"(x));
    return x;
  }

  static __m512i broadcast_four(const std::uint8_t* x) {
    std::int32_t four;
    __builtin_memcpy(&four, x, sizeof four);
    return _mm512_set1_epi32(four);
  }

  /// At most 64 bytes less 128, zeros behind the first `count`.
  static __m512i centred_block(const std::uint8_t* x, int count) {
    const __mmask64 mask = count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
    return _mm512_maskz_sub_epi8(mask, _mm512_maskz_loadu_epi8(mask, x), _mm512_set1_epi8(-128));
  }

  /// Four columns at a time, those of four rows side by side, 64 bytes apart.
  static void put_transposed(const __m512i (&row)[4], std::byte* target, int columns) {
    const __m512i low_ab = _mm512_unpacklo_epi32(row[0], row[1]);
    const __m512i high_ab = _mm512_unpackhi_epi32(row[0], row[1]);
    const __m512i low_cd = _mm512_unpacklo_epi32(row[2], row[3]);
    const __m512i high_cd = _mm512_unpackhi_epi32(row[2], row[3]);
    alignas(64) std::byte groups[4][64];
    _mm512_store_si512(groups[0], _mm512_unpacklo_epi64(low_ab, low_cd));
    _mm512_store_si512(groups[1], _mm512_unpackhi_epi64(low_ab, low_cd));
    _mm512_store_si512(groups[2], _mm512_unpacklo_epi64(high_ab, high_cd));
    _mm512_store_si512(groups[3], _mm512_unpackhi_epi64(high_ab, high_cd));
    for (int g = 0; g < 16 && 4 * g < columns; ++g)
      __builtin_memcpy(target + 64 * g, groups[g % 4] + g / 4 * 16, 16);
  }

  /// Column by column, those of four rows side by side.
  static void put_interleaved(const __m512i (&row)[4], std::byte* target, int columns) {
    const __m512i low_ab = _mm512_unpacklo_epi8(row[0], row[1]);
    const __m512i high_ab = _mm512_unpackhi_epi8(row[0], row[1]);
    const __m512i low_cd = _mm512_unpacklo_epi8(row[2], row[3]);
    const __m512i high_cd = _mm512_unpackhi_epi8(row[2], row[3]);
    const __m512i a = _mm512_unpacklo_epi16(low_ab, low_cd);
    const __m512i b = _mm512_unpackhi_epi16(low_ab, low_cd);
    const __m512i c = _mm512_unpacklo_epi16(high_ab, high_cd);
    const __m512i d = _mm512_unpackhi_epi16(high_ab, high_cd);
    const __m512i even_ab = _mm512_shuffle_i32x4(a, b, 0x88);
    const __m512i even_cd = _mm512_shuffle_i32x4(c, d, 0x88);
    const __m512i odd_ab = _mm512_shuffle_i32x4(a, b, 0xdd);
    const __m512i odd_cd = _mm512_shuffle_i32x4(c, d, 0xdd);
    _mm512_store_si512(target, _mm512_shuffle_i32x4(even_ab, even_cd, 0x88));
    if (columns > 16) _mm512_store_si512(target + 64, _mm512_shuffle_i32x4(odd_ab, odd_cd, 0x88));
    if (columns > 32) _mm512_store_si512(target + 128, _mm512_shuffle_i32x4(even_ab, even_cd, 0xdd));
    if (columns > 48) _mm512_store_si512(target + 192, _mm512_shuffle_i32x4(odd_ab, odd_cd, 0xdd));
  }
};

}  // namespace octavo::avx512_vnni
