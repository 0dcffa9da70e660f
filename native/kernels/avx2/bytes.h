#pragma once

#include "kernels/avx2/vector.h"
#include "kernels/kernel_table.h"

namespace octavo::avx2 {

/// Sums of products of bytes around 128, for lanes16/attention.h. Bytes are widened to int16 and multiplied
/// by vpmaddwd, which is exact; vpmaddubsw would saturate.
struct Bytes {
  static constexpr int kColumns = 32;

  class Query {
   public:
    Query(const std::uint8_t* query, int n) : query_(query), n_(n) {
      __m256i sum = _mm256_setzero_si256();
      for (int c = 0; c < n; c += 16) {
        const __m256i q = first_around_128(query + c, n - c);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(q, _mm256_set1_epi16(128)));
      }
      const __m256i sums[4] = {sum, sum, sum, sum};
      sum_ = total_of_each(sums);
    }

    __m128 dot_four(const std::byte* const* keys, std::ptrdiff_t offset) const {
      __m256i sum[4] = {};
      for (int c = 0; c < n_; c += 16) {
        const __m256i q = first_around_128(query_ + c, n_ - c);
        for (int i = 0; i < 4; ++i) {
          const auto* key = reinterpret_cast<const std::uint8_t*>(keys[i] + offset + c);
          sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(q, _mm256_cvtepu8_epi16(first(key, n_ - c))));
        }
      }
      return _mm_cvtepi32_ps(_mm_sub_epi32(total_of_each(sum), sum_));
    }

   private:
    static __m128i total_of_each(const __m256i (&sum)[4]) {
      const __m256i halves =
          _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
      return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    }

    const std::uint8_t* query_;
    int n_;
    __m128i sum_;  // 128 · Σ (query - 128)
  };

  static void weighted_sums(const AttendRow& job, std::ptrdiff_t offset, int n, F32x16 (&sums)[2]) {
    const __m256i zero_point = _mm256_set1_epi16(128);
    __m256i weight_sum = _mm256_setzero_si256();  // 128 · Σ weights
    __m256i sum[4] = {weight_sum, weight_sum, weight_sum, weight_sum};
    for (int j = 0; j < job.count; j += 2) {
      // Behind the last row its weight is 0, so the row read in its place does not count.
      const auto* a = reinterpret_cast<const std::uint8_t*>(job.rows[j] + offset);
      const auto* b = reinterpret_cast<const std::uint8_t*>(job.rows[j + 1 < job.count ? j + 1 : j] + offset);
      const __m256i weights = _mm256_set1_epi32(job.weights[j] | job.weights[j + 1] << 16);
      weight_sum = _mm256_add_epi32(weight_sum, _mm256_madd_epi16(weights, zero_point));
      for (int i = 0; i < 2 && 16 * i < n; ++i) {
        const __m128i x = first(a + 16 * i, n - 16 * i);
        const __m128i y = first(b + 16 * i, n - 16 * i);
        const __m256i low = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(x, y));
        const __m256i high = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(x, y));
        sum[2 * i] = _mm256_add_epi32(sum[2 * i], _mm256_madd_epi16(weights, low));
        sum[2 * i + 1] = _mm256_add_epi32(sum[2 * i + 1], _mm256_madd_epi16(weights, high));
      }
    }
    for (int i = 0; i < 2; ++i) {
      sums[i] = F32x16::from_s32(_mm256_sub_epi32(sum[2 * i], weight_sum),
                                 _mm256_sub_epi32(sum[2 * i + 1], weight_sum));
    }
  }

 private:
  /// At most 16 bytes; zeros behind the first `count`.
  static __m128i first(const std::uint8_t* x, int count) {
    if (count >= 16) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
    alignas(16) std::uint8_t bytes[16] = {};
    __builtin_memcpy(bytes, x, static_cast<unsigned>(count));
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
  }

  /// The same less 128 as int16; zeros behind the first `count`.
  static __m256i first_around_128(const std::uint8_t* x, int count) {
    const __m128i lane = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i valid = _mm_cmplt_epi8(lane, _mm_set1_epi8(static_cast<char>(count < 16 ? count : 16)));
    const __m128i centred = _mm_and_si128(valid, _mm_xor_si128(first(x, count), _mm_set1_epi8(-128)));
    return _mm256_cvtepi8_epi16(centred);
  }
};

}  // namespace octavo::avx2
