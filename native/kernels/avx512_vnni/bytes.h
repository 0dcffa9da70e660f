#pragma once

#include "kernels/avx512_vnni/vector.h"
#include "kernels/kernel_table.h"
#include "kernels/lanes16/four_rows.h"

namespace octavo::avx512_vnni {

/// Sums of products of bytes around 128, for lanes16/attention.h. vpdpbusd takes one side as u8 and the other
/// as s8: v - 128 as s8 is v with its highest bit turned.
struct Bytes {
  static constexpr int kColumns = 64;

  class Query {
   public:
    Query(const std::uint8_t* query, int n) : query_(query), n_(n), start_(block(0)) {
      __m512i sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), zero_point(), start_);
      for (int c = 64; c < n; c += 64) sum = _mm512_dpbusd_epi32(sum, zero_point(), block(c));
      sum_ = _mm_set1_epi32(_mm512_reduce_add_epi32(sum));
    }

    __m128 dot_four(const std::byte* const* keys, std::ptrdiff_t offset) const {
      __m512i sum[4];
      __mmask64 mask = first_bytes(n_);
      for (int i = 0; i < 4; ++i) {
        const __m512i key = _mm512_maskz_loadu_epi8(mask, keys[i] + offset);
        sum[i] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), key, start_);
      }
      for (int c = 64; c < n_; c += 64) {
        mask = first_bytes(n_ - c);
        const __m512i q = block(c);
        for (int i = 0; i < 4; ++i) {
          const __m512i key = _mm512_maskz_loadu_epi8(mask, keys[i] + offset + c);
          sum[i] = _mm512_dpbusd_epi32(sum[i], key, q);
        }
      }
      return _mm_cvtepi32_ps(_mm_sub_epi32(total_of_each(sum), sum_));
    }

   private:
    static __m512i zero_point() { return _mm512_set1_epi8(-128); }

    /// query - 128 as s8, zeros behind the row.
    __m512i block(int c) const {
      const __mmask64 mask = first_bytes(n_ - c);
      return _mm512_maskz_sub_epi8(mask, _mm512_maskz_loadu_epi8(mask, query_ + c), zero_point());
    }

    static __m128i total_of_each(const __m512i (&sum)[4]) {
      const __m512i ab =
          _mm512_add_epi32(_mm512_unpacklo_epi32(sum[0], sum[1]), _mm512_unpackhi_epi32(sum[0], sum[1]));
      const __m512i cd =
          _mm512_add_epi32(_mm512_unpacklo_epi32(sum[2], sum[3]), _mm512_unpackhi_epi32(sum[2], sum[3]));
      const __m512i quarters = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
      const __m256i halves =
          _mm256_add_epi32(_mm512_castsi512_si256(quarters), _mm512_extracti32x8_epi32(quarters, 1));
      return _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256(halves, 1));
    }

    const std::uint8_t* query_;
    int n_;
    __m512i start_;  // the first block
    __m128i sum_;    // 128 · Σ (query - 128)
  };

  static void weighted_sums(const AttendRow& job, std::ptrdiff_t offset, int n, F32x16 (&sums)[4]) {
    const __mmask64 mask = first_bytes(n);
    __m512i sum[4] = {};  // of columns 0..3, 4..7, 8..11 and 12..15 of each quarter
    lanes16::FourRows<Bytes> rows(job);
    for (int j = 0; j < job.count; j += 4) {
      std::int32_t four;
      __builtin_memcpy(&four, job.weights + j, sizeof four);
      const __m512i weights = _mm512_set1_epi32(four);
      // Behind the last row the weights are 0, so the row read in its place does not count.
      const std::byte* const* values = rows.from(j);
      __m512i row[4];
      for (int i = 0; i < 4; ++i) {
        const __m512i bytes = _mm512_maskz_loadu_epi8(mask, values[i] + offset);
        row[i] = _mm512_xor_si512(bytes, _mm512_set1_epi8(-128));
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
