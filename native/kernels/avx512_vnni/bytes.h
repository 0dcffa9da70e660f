#pragma once

#include "kernels/avx512_vnni/vector.h"
#include "kernels/kernel_table.h"

namespace octavo::avx512_vnni {

/// Sums of products of bytes around 128, for lanes16/attention.h. vpdpbusd takes one side as u8 and the other
/// as s8: v - 128 as s8 is v with its highest bit turned.
struct Bytes {
  static constexpr int kColumns = 64;

  static __m128 dot_products(const std::uint8_t* query, const std::uint8_t* const (&keys)[4], int n) {
    const __m512i zero_point = _mm512_set1_epi8(-128);
    __m512i query_sum = _mm512_setzero_si512();  // 128 · Σ (query - 128)
    __m512i sum[4] = {query_sum, query_sum, query_sum, query_sum};
    for (int c = 0; c < n; c += 64) {
      // Behind the row the query is 0.
      const __mmask64 mask = first_bytes(n - c);
      const __m512i q = _mm512_maskz_sub_epi8(mask, _mm512_maskz_loadu_epi8(mask, query + c), zero_point);
      query_sum = _mm512_dpbusd_epi32(query_sum, zero_point, q);
      for (int i = 0; i < 4; ++i) {
        sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_maskz_loadu_epi8(mask, keys[i] + c), q);
      }
    }
    for (int i = 0; i < 4; ++i) sum[i] = _mm512_sub_epi32(sum[i], query_sum);
    const __m512i ab =
        _mm512_add_epi32(_mm512_unpacklo_epi32(sum[0], sum[1]), _mm512_unpackhi_epi32(sum[0], sum[1]));
    const __m512i cd =
        _mm512_add_epi32(_mm512_unpacklo_epi32(sum[2], sum[3]), _mm512_unpackhi_epi32(sum[2], sum[3]));
    const __m512i quarters = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    const __m256i halves =
        _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti32x8_epi32(quarters, 1));
    const __m128i total = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    return _mm_cvtepi32_ps(total);
  }

  static void weighted_sums(const AttendRow& job, std::ptrdiff_t offset, int n, F32x16 (&sums)[4]) {
    const __mmask64 mask = first_bytes(n);
    __m512i sum[4] = {};  // of columns 0..3, 4..7, 8..11 and 12..15 of each quarter
    for (int j = 0; j < job.count; j += 4) {
      std::int32_t four;
      __builtin_memcpy(&four, job.weights + j, sizeof four);
      const __m512i weights = _mm512_set1_epi32(four);
      __m512i row[4];
      for (int i = 0; i < 4; ++i) {
        // Behind the last row the weights are 0, so the row read in its place does not count.
        const std::byte* values = job.rows[j + i < job.count ? j + i : j] + offset;
        row[i] = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, values), _mm512_set1_epi8(-128));
      }
      const __m512i low_ab = _mm512_unpacklo_epi8(row[0], row[1]);
      const __m512i high_ab = _mm512_unpackhi_epi8(row[0], row[1]);
      const __m512i low_cd = _mm512_unpacklo_epi8(row[2], row[3]);
      const __m512i high_cd = _mm512_unpackhi_epi8(row[2], row[3]);
      sum[0] = _mm512_dpbusd_epi32(sum[0], weights, _mm512_unpacklo_epi16(low_ab, low_cd));
      sum[1] = _mm512_dpbusd_epi32(sum[1], weights, _mm512_unpackhi_epi16(low_ab, low_cd));
      sum[2] = _mm512_dpbusd_epi32(sum[2], weights, _mm512_unpacklo_epi16(high_ab, high_cd));
      sum[3] = _mm512_dpbusd_epi32(sum[3], weights, _mm512_unpackhi_epi16(high_ab, high_cd));
    }
    const __m512i even_01 = _mm512_shuffle_i32x4(sum[0], sum[1], 0x88);
    const __m512i even_23 = _mm512_shuffle_i32x4(sum[2], sum[3], 0x88);
    const __m512i odd_01 = _mm512_shuffle_i32x4(sum[0], sum[1], 0xdd);
    const __m512i odd_23 = _mm512_shuffle_i32x4(sum[2], sum[3], 0xdd);
    sums[0] = F32x16::from_s32(_mm512_shuffle_i32x4(even_01, even_23, 0x88));
    sums[1] = F32x16::from_s32(_mm512_shuffle_i32x4(odd_01, odd_23, 0x88));
    sums[2] = F32x16::from_s32(_mm512_shuffle_i32x4(even_01, even_23, 0xdd));
    sums[3] = F32x16::from_s32(_mm512_shuffle_i32x4(odd_01, odd_23, 0xdd));
  }

 private:
  static __mmask64 first_bytes(int count) {
    return count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
  }
};

}  // namespace octavo::avx512_vnni
