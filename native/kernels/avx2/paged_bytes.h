#pragma once

#include "kernels/kernel_table.h"
#include "kernels/vectors256/vector_s32.h"

namespace octavo::avx2 {

/// Bytes in pages, for lanes16/pages.h: each as v - 128, in pairs that one vpmaddwd lane sums once
/// they are widened; vpmaddubsw would saturate. Keys of a head: [head_dim / 2][16 positions][2 columns], so
/// that a lane is a position; values: [16 / 2][columns][2 positions], so that a lane is a column. Columns
/// behind the last are zero.
struct PagedBytes {
  static constexpr int kPages = 1;
  static constexpr int kVectors = 1;
  static constexpr std::size_t kKeySumBytes = 0;
  static constexpr bool kKeepsFour = false;
  using Weight = std::int16_t;

  static std::size_t key_bytes(int head_dim) { return static_cast<std::size_t>(head_dim + 3) / 4 * 64; }
  static std::size_t value_bytes(int head_dim) { return static_cast<std::size_t>(head_dim + 15) / 16 * 256; }

  static void keep_keys(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* keys) {
    const int head_dim = layout.head_dim;
    for (int head = 0; head < layout.heads; ++head, keys += head_dim) {
      std::byte* lane = page + static_cast<std::size_t>(head) * key_bytes(head_dim) + 2 * place;
      int c = 0;
      for (; c + 2 <= head_dim; c += 2, lane += 32) {
        std::uint16_t two;
        __builtin_memcpy(&two, keys + c, sizeof two);
        two ^= 0x8080;
        __builtin_memcpy(lane, &two, sizeof two);
      }
      if (c < head_dim) {
        const std::uint16_t one = keys[c] ^ 0x80;
        __builtin_memcpy(lane, &one, sizeof one);
      }
    }
  }

  static void keep_values(const PageLayout& layout, std::byte* page, int place, const std::uint8_t* row) {
    const int head_dim = layout.head_dim;
    const std::size_t head_bytes = value_bytes(head_dim);
    const __m128i shift = _mm_cvtsi32_si128(place % 2 * 8);
    const __m256i mask = _mm256_sll_epi16(_mm256_set1_epi16(0xff), shift);
    std::byte* values = page + layout.values + static_cast<std::size_t>(place / 2) * (head_bytes / 8);
    for (int head = 0; head < layout.heads; ++head, row += head_dim, values += head_bytes) {
      for (int c = 0; c < head_dim; c += 16) {
        auto* target = reinterpret_cast<__m256i*>(values + 2 * c);
        const __m256i lanes = _mm256_and_si256(centred(row + c, head_dim - c), _mm256_set1_epi16(0xff));
        const __m256i others = _mm256_andnot_si256(mask, _mm256_load_si256(target));
        _mm256_store_si256(target, _mm256_or_si256(others, _mm256_sll_epi16(lanes, shift)));
      }
    }
  }

  template <class Tile, int Contexts>
  [[gnu::always_inline]] static void products(const Tile& tile, int page, S32x16 (&products)[Contexts][1]) {
    constexpr int kChunk = 128;  // columns of queries that are widened at a time
    const int head_dim = tile.layout.head_dim;
    const std::size_t head_bytes = key_bytes(head_dim);
    const auto* query = reinterpret_cast<const std::uint8_t*>(tile.query) + tile.column(0);
    const std::byte* keys = tile.pages[page] + static_cast<std::size_t>(tile.head) * head_bytes;
    alignas(32) std::int16_t wide[Contexts][kChunk];
    __m256i sum[Contexts][2] = {};
    for (int first = 0; first < head_dim; first += kChunk, keys += 16 * kChunk) {
      const int count = head_dim - first < kChunk ? head_dim - first : kChunk;
      for (int i = 0; i < Contexts; ++i) {
        const std::uint8_t* x =
            query + i % Tile::kQueries * tile.query_stride + i / Tile::kQueries * head_dim;
        for (int c = 0; c < count; c += 16) {
          _mm256_store_si256(reinterpret_cast<__m256i*>(wide[i] + c), centred(x + first + c, count - c));
        }
      }
      add_products<Tile::kQueries>(wide, keys, head_bytes, count, sum);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) products[i][0] = {sum[i][0], sum[i][1]};
  }

  [[gnu::always_inline]] static void store_weights(S32x16 weights, Weight* target) {
    const __m256i words = _mm256_packs_epi32(weights.low, weights.high);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), _mm256_permute4x64_epi64(words, 0xd8));
  }

  template <class Tile, int Contexts>
  [[gnu::always_inline]] static void weighted_sums(const Tile& tile, int column,
                                                   S32x16 (&sums)[Contexts][1]) {
    const std::size_t head_bytes = value_bytes(tile.layout.head_dim);
    const std::size_t offset = tile.layout.values + static_cast<std::size_t>(tile.head) * head_bytes +
                               2 * static_cast<std::size_t>(column);
    const Weight* weights = tile.weights;
    __m256i low[Contexts];
    __m256i high[Contexts];
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) low[i] = high[i] = _mm256_setzero_si256();
    for (int page = 0; page < tile.page_count; ++page) {
      const std::byte* values = tile.pages[page] + offset;
#pragma GCC unroll 1
      for (int s = 0; s < kPagePositions; s += 2, weights += 2, values += head_bytes / 8) {
#pragma GCC unroll 4
        for (int i = 0; i < Contexts; ++i) {
          const std::byte* value = values + static_cast<std::size_t>(i / Tile::kQueries) * head_bytes;
          const __m256i weight = broadcast_two(weights + i * tile.room);
          low[i] = _mm256_add_epi32(low[i], _mm256_madd_epi16(weight, widen(value)));
          high[i] = _mm256_add_epi32(high[i], _mm256_madd_epi16(weight, widen(value + 16)));
        }
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) sums[i][0] = {low[i], high[i]};
  }

 private:
  /// Adds the products of `count` >= 1 columns. A function of its own, as gcc would not keep all sums in
  /// registers.
  template <int Queries, int Contexts, int Columns>
  [[gnu::noinline]] static void add_products(const std::int16_t (&queries)[Contexts][Columns],
                                             const std::byte* keys, std::size_t head_bytes, int count,
                                             __m256i (&sums)[Contexts][2]) {
    __m256i sum[Contexts][2];
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      sum[i][0] = sums[i][0];
      sum[i][1] = sums[i][1];
    }
    int c = 0;
    do {
#pragma GCC unroll 4
      for (int i = 0; i < Contexts; ++i) {
        const std::byte* key = keys + static_cast<std::size_t>(i / Queries) * head_bytes;
        const __m256i each = broadcast_two(queries[i] + c);
        sum[i][0] = _mm256_add_epi32(sum[i][0], _mm256_madd_epi16(each, widen(key)));
        sum[i][1] = _mm256_add_epi32(sum[i][1], _mm256_madd_epi16(each, widen(key + 16)));
      }
      keys += 32;
      c += 2;
    } while (c < count);
#pragma GCC unroll 4
    for (int i = 0; i < Contexts; ++i) {
      sums[i][0] = sum[i][0];
      sums[i][1] = sum[i][1];
    }
  }

  static __m256i broadcast_two(const std::int16_t* x) {
    std::int32_t two;
    __builtin_memcpy(&two, x, sizeof two);
    return _mm256_set1_epi32(two);
  }

  static __m256i widen(const std::byte* x) {
    return _mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(x)));
  }

  /// At most 16 bytes less 128, as int16; zeros behind the first `count`.
  static __m256i centred(const std::uint8_t* x, int count) {
    if (count >= 16) {
      const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
      return _mm256_cvtepi8_epi16(_mm_xor_si128(bytes, _mm_set1_epi8(-128)));
    }
    alignas(16) std::uint8_t bytes[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm_set1_epi8(-128));
    __builtin_memcpy(bytes, x, static_cast<unsigned>(count));
    const __m128i some = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
    return _mm256_cvtepi8_epi16(_mm_xor_si128(some, _mm_set1_epi8(-128)));
  }
};

}  // namespace octavo::avx2
