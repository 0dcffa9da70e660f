#pragma once

#include <cstddef>
#include <utility>

#include "ops/page_pool.h"

namespace octavo {

/// Where a stream keeps what its decoder needs again.
struct DecoderCache {
  PagePool source;               // cross-attention: kept per sentence and shared by its hypotheses
  PagePool own;                  // self-attention
  std::size_t state_floats = 0;  // recurrent layers: of each hypothesis
};

/// How much of each the layers need. A page has room for kPagePositions positions of every layer.
struct DecoderCacheSize {
  std::size_t source_page_bytes = 0;
  std::size_t own_page_bytes = 0;
  std::size_t state_floats = 0;

  DecoderCache make() const { return {PagePool(source_page_bytes), PagePool(own_page_bytes), state_floats}; }
};

/// Adds a layer's part to one of these sizes; returns where it begins.
inline std::size_t claim(std::size_t& size, std::size_t part) { return std::exchange(size, size + part); }

}  // namespace octavo
