#pragma once

#include <algorithm>
#include <vector>

#include "model/output_projection.h"
#include "ops/products.h"

namespace octavo {

// Logits are never made for all rows and all of the vocabulary at once: they would leave the cache.

/// Candidates whose logits are made, reduced and dropped together; docs/numerics.md.
inline constexpr int kLogitChunk = 512;
static_assert(kLogitChunk % kOutputGroup == 0);

inline std::size_t chunk_count(const OutputProjection& output) {
  return static_cast<std::size_t>((output.outputs() + kLogitChunk - 1) / kLogitChunk);
}

/// Calls use(first, count, logits) for every chunk, with the logits [states.rows, count] of outputs
/// [first, first + count), which are valid during the call.
template <class Use>
void for_each_chunk(const OutputProjection& output, const ProductInput& states, Workspace& workspace,
                    Use use) {
  for (int first = 0; first < output.outputs(); first += kLogitChunk) {
    const int count = std::min(kLogitChunk, output.outputs() - first);
    use(first, count, output.rows_of(first, count, states, workspace));
  }
}

/// Of x[0, n), n >= 1.
inline float log_sum_exp(const KernelTable& kernels, const float* x, int n) {
  return kernels.log_sum_exp(x, n, kernels.largest(x, n));
}

/// Calls use(first, count) for parts of `rows` rows of which the whole vocabulary's logits stay in cache.
template <class Use>
void for_each_part(int rows, Use use) {
  constexpr int kMost = 48;
  for (int first = 0; first < rows; first += kMost) use(first, std::min(kMost, rows - first));
}

/// Calls use(first, count) for every run of rows whose flag is set.
template <class Use>
void for_each_run(const std::vector<bool>& wanted, Use use) {
  for (std::size_t first = 0, next = 0; first < wanted.size(); first = next) {
    next = first + 1;
    while (next < wanted.size() && wanted[next] == wanted[first]) ++next;
    if (wanted[first]) use(static_cast<int>(first), static_cast<int>(next - first));
  }
}

}  // namespace octavo
