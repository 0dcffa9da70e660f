#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "decoding/sentence_search.h"
#include "decoding/shortlist.h"

namespace octavo {

/// A decoder row that is to be scored. Rows of one sentence lie together.
struct ScoredRow {
  std::size_t offered;                                    // tokens at most
  bool may_end;                                           // whether EOS may be offered
  const Candidates* candidates = nullptr;                 // its sentence's; read where there is a shortlist
  std::span<const std::int32_t> barred = {};              // tokens that may not be offered
  const TokenSet* barred_set = nullptr;                   // more of them, may be null
  std::span<const std::int32_t> watched = {};             // tokens whose logits are wanted, offered or not
  const std::vector<std::int32_t>* suppressed = nullptr;  // tokens that may not be offered; null: the model's
  std::span<const std::int32_t> penalized = {};           // tokens whose logits are changed by `penalty`
  float penalty = 1.0f;
};

/// Turns decoder states into what each row offers its search. Candidates are numbered: those that every row
/// has (the vocabulary or, with a shortlist, the common ones), then its sentence's own. Logits are made for
/// a chunk of them at a time, reduced and dropped.
class Scorer {
 public:
  /// `shortlist` may be null.
  Scorer(const Transformer& model, const Shortlist* shortlist);

  /// What is returned is valid until the next call.
  std::span<const Offer> score(const ProductInput& states, std::span<const ScoredRow> rows,
                               Workspace& workspace);

 private:
  void reserve(std::span<const ScoredRow> rows);
  void score_own(const ProductInput& states, std::span<const ScoredRow> rows, Workspace& workspace);
  void add(const OutputProjection& output, int base, const ProductInput& states, std::size_t first_row,
           std::span<const ScoredRow> rows, Workspace& workspace);
  void choose(std::size_t row, const ScoredRow& asked, int first, int count, const LogitRow& logits);
  void penalize(const ScoredRow& asked, int first, int count, LogitRow& logits) const;
  void watch(std::size_t row, const ScoredRow& asked, int first, int count, const LogitRow& logits);
  std::int32_t token_of(int candidate, const Candidates* candidates) const;
  int number_of(std::int32_t token, const Candidates* candidates) const;
  std::span<ScoredToken> best_of(std::size_t row);

  const Transformer* model_;
  const Shortlist* shortlist_;
  const OutputProjection* shared_output_;
  std::vector<int> forbidden_;           // candidates that are never offered
  int end_;                              // the candidate that is EOS
  std::size_t most_chunks_ = 0;          // of any row
  std::vector<ScoredToken> best_;        // of all rows, one after the other
  std::vector<std::size_t> best_at_;     // [rows]
  std::vector<int> found_;               // [rows]
  std::vector<float> log_sums_;          // [rows, most_chunks_]
  std::vector<int> chunks_;              // [rows]
  std::vector<float> watched_;           // of all rows, one after the other
  std::vector<std::size_t> watched_at_;  // [rows]
  std::vector<Offer> offers_;            // [rows]
};

}  // namespace octavo
