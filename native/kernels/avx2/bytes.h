#pragma once

#include "kernels/avx2/vector.h"
#include "kernels/kernel_table.h"

namespace octavo::avx2 {

/// Sums of products of bytes around 128, for lanes16/attention.h. Bytes are widened to int16 and multiplied
/// by vpmaddwd, which is exact; vpmaddubsw would saturate.
struct Bytes {
  static constexpr int kColumns = 16;

  /// `count` bytes, at most 16 of them; zeros behind.
  static __m128i load_first(const std::uint8_t* x, int count) {
    if (count >= 16) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
    alignas(16) std::uint8_t bytes[16] = {};
    __builtin_memcpy(bytes, x, static_cast<unsigned>(count));
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
  }

  static void dot_products(const std::uint8_t* query, const std::uint8_t* const (&keys)[4], int n,
                           float factor, float* sums) {
    const __m256i zero_point = _mm256_set1_epi16(128);
    __m256i sum[4] = {};
    for (int c = 0; c < n; c += 16) {
      // Behind the row the query is 0, so what the keys are there does not count.
      const __m128i q_bytes = n - c >= 16 ? load_first(query + c, 16) : tail_around_128(query + c, n - c);
      const __m256i q = _mm256_sub_epi16(_mm256_cvtepu8_epi16(q_bytes), zero_point);
      for (int i = 0; i < 4; ++i) {
        const __m256i key =
            _mm256_sub_epi16(_mm256_cvtepu8_epi16(load_first(keys[i] + c, n - c)), zero_point);
        sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(q, key));
      }
    }
    const __m256i pairs =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]), _mm256_hadd_epi32(sum[2], sum[3]));
    const __m128i total = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_ps(sums, _mm_mul_ps(_mm_cvtepi32_ps(total), _mm_set1_ps(factor)));
  }

  static void weighted_sums(const AttendRow& job, std::ptrdiff_t offset, int n, F32x16 (&sums)[1]) {
    __m256i low = _mm256_setzero_si256();
    __m256i high = _mm256_setzero_si256();
    const __m256i zero_point = _mm256_set1_epi16(128);
    for (int j = 0; j < job.count; j += 2) {
      // Behind the last row its weight is 0, so the row read in its place does not count.
      const std::byte* second = job.rows[j + 1 < job.count ? j + 1 : j];
      const __m128i a = load_first(reinterpret_cast<const std::uint8_t*>(job.rows[j] + offset), n);
      const __m128i b = load_first(reinterpret_cast<const std::uint8_t*>(second + offset), n);
      const __m256i weights = _mm256_set1_epi32(job.weights[j] | job.weights[j + 1] << 16);
      const __m256i first = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), zero_point);
      const __m256i last = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)), zero_point);
      low = _mm256_add_epi32(low, _mm256_madd_epi16(weights, first));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(weights, last));
    }
    sums[0] = F32x16::from_s32(low, high);
  }

 private:
  /// The same with 128, which stands for 0, behind.
  static __m128i tail_around_128(const std::uint8_t* x, int count) {
    const __m128i lane = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i missing = _mm_cmpgt_epi8(lane, _mm_set1_epi8(static_cast<char>(count - 1)));
    return _mm_or_si128(load_first(x, count), _mm_and_si128(missing, _mm_set1_epi8(-128)));
  }
};

}  // namespace octavo::avx2
