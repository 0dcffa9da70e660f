#pragma once

#include "kernels/kernel_table.h"

// Attention over pages. `Bytes` are a tier's order of bytes in a page and its products with them:
//   key_bytes, value_bytes     what a head takes in a page; kKeySumBytes: what its key sums take
//   keep_keys, keep_values     put a row's bytes at a place of a page
//   keep_four_keys, ..._values put four rows at places 4 n to 4 n + 3; there where kKeepsFour
//   products                   Σ_c (query[c] - 128) · (key[c] - 128) for whole pages of keys, at most kPages
//   Weight, store_weights      the form weights are read in, by position
//   weighted_sums              Σ_s weight[s] · (value[s][c] - 128), for 1, 2 or kVectors vectors of columns
// Scores of floats are in the order of keys, those of bytes by position.

namespace octavo::lanes16 {

template <class Bytes>
PageLayout page_layout(int heads, int head_dim, bool keys_u8, bool values_u8) {
  const auto count = static_cast<std::size_t>(heads);
  const std::size_t floats = kPagePositions * count * static_cast<std::size_t>(head_dim) * 4;
  const std::size_t keys = keys_u8 ? count * Bytes::key_bytes(head_dim) : floats;
  const std::size_t values = keys + (keys_u8 ? count * Bytes::kKeySumBytes : 0);
  return {.heads = heads,
          .head_dim = head_dim,
          .keys_u8 = keys_u8,
          .values_u8 = values_u8,
          .key_sums = keys,
          .values = values,
          .bytes = values + (values_u8 ? count * Bytes::value_bytes(head_dim) : floats)};
}

/// Whether rows r to r + 3 are kept at four places in a row, the first of which is a multiple of 4.
template <class Bytes>
bool is_four(const KeepRows& job, int r) {
  if (r + 4 > job.rows || job.positions[r] % 4 != 0) return false;
  for (int i = 1; i < 4; ++i) {
    if (job.pages[r + i] != job.pages[r] || job.positions[r + i] != job.positions[r] + i) return false;
  }
  return true;
}

/// Keeps keys or values that are floats: head by head, in each the rows one behind the other, so that those
/// that a query reads together do not push one another out of the first cache.
template <class Bytes>
void keep_floats(const KeepRows& job, const std::byte* rows, std::ptrdiff_t stride, std::size_t offset) {
  const std::size_t bytes = static_cast<std::size_t>(job.layout->head_dim) * 4;
  for (int r = 0; r < job.rows; ++r) {
    const std::byte* row = rows + r * stride;
    std::byte* target = job.pages[r] + offset + job.positions[r] * bytes;
    for (int head = 0; head < job.layout->heads; ++head, row += bytes, target += kPagePositions * bytes) {
      __builtin_memcpy(target, row, bytes);
    }
  }
}

template <class Bytes>
void keep_rows(const KeepRows& job) {
  const PageLayout& layout = *job.layout;
  if (!layout.keys_u8) keep_floats<Bytes>(job, job.keys, job.key_stride, 0);
  if (!layout.values_u8) keep_floats<Bytes>(job, job.values, job.value_stride, layout.values);
  if (!layout.keys_u8 && !layout.values_u8) return;
  for (int r = 0; r < job.rows;) {
    const auto* keys = reinterpret_cast<const std::uint8_t*>(job.keys + r * job.key_stride);
    const auto* values = reinterpret_cast<const std::uint8_t*>(job.values + r * job.value_stride);
    std::byte* page = job.pages[r];
    const int place = job.positions[r];
    const bool four = Bytes::kKeepsFour && is_four<Bytes>(job, r);
    if constexpr (Bytes::kKeepsFour) {
      if (four && layout.keys_u8) Bytes::keep_four_keys(layout, page, place, keys, job.key_stride);
      if (four && layout.values_u8) Bytes::keep_four_values(layout, page, place, values, job.value_stride);
    }
    if (!four && layout.keys_u8) Bytes::keep_keys(layout, page, place, keys);
    if (!four && layout.values_u8) Bytes::keep_values(layout, page, place, values);
    r += four ? 4 : 1;
  }
}

}  // namespace octavo::lanes16
