#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decoding/sentence_search.h"
#include "model/transformer.h"

namespace octavo {

/// Turns decoder states into what each row offers its search. Logits are made for a chunk of the vocabulary
/// at a time, reduced and dropped.
class Scorer {
 public:
  /// Every row offers `offered` tokens.
  Scorer(const Transformer& model, int offered);

  /// may_end[row]: whether EOS may be offered. What is returned is valid until the next call.
  std::span<const Offer> score(const ProductInput& states, std::span<const std::uint8_t> may_end,
                               Workspace& workspace);

 private:
  void choose(std::size_t row, bool may_end, int first, int count, float* logits);

  const Transformer* model_;
  std::size_t offered_;
  std::vector<ScoredToken> best_;  // [rows, offered_]
  std::vector<int> found_;         // [rows]
  std::vector<float> log_sums_;    // [rows, chunks]
  std::vector<Offer> offers_;      // [rows]
};

}  // namespace octavo
