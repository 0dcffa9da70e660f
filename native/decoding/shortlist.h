#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/transformer.h"

namespace octavo {

/// Which target tokens may translate a source, as docs/model-format.md says: the common ones, and those of
/// each source token, tokens[offsets[s], offsets[s + 1]). Every list is ascending.
struct CandidateLists {
  std::vector<std::int32_t> common;
  std::vector<std::int32_t> offsets;
  std::vector<std::int32_t> tokens;
};

/// What one sentence adds to the common candidates: ids, ascending, and the output projection of these.
struct Candidates {
  std::vector<std::int32_t> ids;
  OutputProjection output;
};

/// A model's candidate lists, with the output projection of the common ones packed once. Immutable; threads
/// share it.
class Shortlist {
 public:
  /// Throws Error where the lists do not fit the model.
  Shortlist(const Transformer& model, CandidateLists lists);

  std::span<const std::int32_t> common() const { return lists_.common; }
  const OutputProjection& common_output() const { return common_output_; }

  /// What a source, token ids without EOS, adds, and the tokens that its translation needs besides.
  void choose(std::span<const std::int32_t> source, std::span<const std::int32_t> needed,
              Candidates& candidates) const;

 private:
  const Transformer* model_;
  CandidateLists lists_;
  OutputProjection common_output_;
};

}  // namespace octavo
