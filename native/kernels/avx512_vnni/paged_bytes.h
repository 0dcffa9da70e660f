#pragma once

#include "kernels/avx512_vnni/vector.h"
#include "kernels/kernel_table.h"

namespace octavo::avx512_vnni {

/// Bytes in pages, for lanes16/paged_attention.h: each as v - 128, in fours that one vpdpbusd lane sums. Keys
/// of a head: [head_dim / 4][16 positions][4 columns], so that a lane is a position; values: [16 /
/// 4][columns][4 positions], so that a lane is a column. Columns behind the last are zero. The side that is
/// u8 is the query, whose 128 the key sums, -128 · Σ (key - 128), take away, or the weights.
struct PagedBytes {
  static constexpr int kPages = 2;
  static constexpr int kVectors = 4;
  static constexpr std::size_t kKeySumBytes = 64;
  using Weight = std::uint8_t;

  static std::size_t key_bytes(int head_dim) { return static_cast<std::size_t>(head_dim + 3) / 4 * 64; }
  static std::size_t value_bytes(int head_dim) { return static_cast<std::size_t>(head_dim + 15) / 16 * 256; }

  static void keep_keys(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* keys) {
    const int head_dim = layout.head_dim;
    for (int head = 0; head < layout.heads; ++head, keys += head_dim) {
      std::byte* lane = page + static_cast<std::size_t>(head) * key_bytes(head_dim) + 4 * place;
      int c = 0;
      for (; c + 4 <= head_dim; c += 4, lane += 64) {
        std::uint32_t four;
        __builtin_memcpy(&four, keys + c, sizeof four);
        put(lane, four ^ 0x80808080u);
      }
      if (c < head_dim) {
        const std::uint32_t valid = 0xffffffffu >> 8 * (4 - head_dim + c);
        put(lane, (first_bytes(keys + c, head_dim - c) ^ 0x80808080u) & valid);
      }
      put(page + layout.key_sums + static_cast<std::size_t>(head) * kKeySumBytes + 4 * place,
          static_cast<std::uint32_t>(-128 * centred_sum(keys, head_dim)));
    }
  }

  static void keep_values(const PageLayout& layout, std::byte* values, int place, const std::uint8_t* row) {
    const int head_dim = layout.head_dim;
    const std::size_t quarter = value_bytes(head_dim) / 4;
    const __mmask64 mask = 0x1111111111111111u << place % 4;
    const __m128i shift = _mm_cvtsi32_si128(place % 4 * 8);
    for (int head = 0; head < layout.heads; ++head, row += head_dim) {
      std::byte* target = values + static_cast<std::size_t>(head) * value_bytes(head_dim) +
                          static_cast<std::size_t>(place / 4) * quarter;
      for (int c = 0; c < head_dim; c += 16, target += 64) {
        const __m128i bytes = _mm_maskz_loadu_epi8(first_sixteen(head_dim - c), row + c);
        const __m512i lanes = _mm512_cvtepu8_epi32(centred(bytes, head_dim - c));
        const __m512i merged =
            _mm512_mask_mov_epi8(_mm512_load_si512(target), mask, _mm512_sll_epi32(lanes, shift));
        _mm512_store_si512(target, merged);
      }
    }
  }

  template <class Tile, int Contexts, int Pages>
  [[gnu::always_inline]] static void products(const Tile& tile, int page,
                                              F32x16 (&products)[Contexts][Pages]) {
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
    if (whole < head_dim) add_products<true>(tile, query, keys, whole, sum);
    for (int c = 0; c < whole; c += 4) add_products<false>(tile, query, keys, c, sum);
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
#pragma GCC unroll 4
      for (int p = 0; p < Pages; ++p) products[i][p] = F32x16::from_s32(finished(sum[i][p]));
    }
  }

  [[gnu::always_inline]] static void store_weights(F32x16 weights, Weight* target) {
    weights.store_u8(target, 16, 0);
  }

  template <class Tile, int Contexts, int Vectors>
  [[gnu::always_inline]] static void weighted_sums(const Tile& tile, int column,
                                                   F32x16 (&sums)[Contexts][Vectors]) {
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
      for (int v = 0; v < Vectors; ++v) sums[i][v] = F32x16::from_s32(finished(sum[i][v]));
    }
  }

 private:
  /// Adds the products of columns c to c + 3, or, of the last, of as many as there are.
  template <bool Last, class Tile, int Contexts, int Pages>
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
        const __m512i key = _mm512_load_si512(keys[p] + static_cast<std::size_t>(h) * head_bytes + 16 * c);
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

  /// One, two or three bytes as a word.
  static std::uint32_t first_bytes(const std::uint8_t* x, int count) {
    const int middle = count / 2;
    const int last = count - 1;
    return x[0] | static_cast<std::uint32_t>(x[middle]) << 8 * middle |
           static_cast<std::uint32_t>(x[last]) << 8 * last;
  }

  static __mmask16 first_sixteen(int count) { return F32x16::first_lanes(count < 16 ? count : 16); }

  static void put(std::byte* target, std::uint32_t word) { __builtin_memcpy(target, &word, 4); }

  /// bytes - 128 as s8 in the first `count`, zeros in the others.
  static __m128i centred(__m128i bytes, int count) {
    return _mm_maskz_sub_epi8(first_sixteen(count), bytes, _mm_set1_epi8(-128));
  }

  static int centred_sum(const std::uint8_t* x, int n) {
    __m512i sum = _mm512_setzero_si512();
    for (int c = 0; c < n; c += 64) {
      const __mmask64 mask = n - c >= 64 ? ~__mmask64{0} : (__mmask64{1} << (n - c)) - 1;
      sum = _mm512_add_epi64(sum,
                             _mm512_sad_epu8(_mm512_maskz_loadu_epi8(mask, x + c), _mm512_setzero_si512()));
    }
    return static_cast<int>(_mm512_reduce_add_epi64(sum)) - 128 * n;
  }
};

}  // namespace octavo::avx512_vnni
