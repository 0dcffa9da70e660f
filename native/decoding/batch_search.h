#pragma once

#include <atomic>
#include <vector>

#include "decoding/search.h"
#include "model/transformer.h"

namespace octavo {

/// Translates sentences together. Each result is what the sentence would get alone.
class BatchSearch {
 public:
  explicit BatchSearch(const Transformer& model) : model_(model), workspace_(model.kernels) {}

  /// sources: token ids without EOS, checked by the caller. Returns early, with empty results, once
  /// `cancelled` is set.
  std::vector<std::vector<Hypothesis>> run(const std::vector<const std::vector<std::int32_t>*>& sources,
                                           const SearchOptions& options, const std::atomic<bool>& cancelled);

 private:
  const Transformer& model_;
  Workspace workspace_;
  DecoderCache cache_;
};

}  // namespace octavo
