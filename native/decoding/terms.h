#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace octavo {

/// What a translation must contain: one of the alternatives, sequences of target tokens.
struct Term {
  std::vector<std::vector<std::int32_t>> alternatives;
  bool whole_words = false;  // no token that continues a word may follow
};

/// A flag for every token of a vocabulary; empty: for none.
using TokenSet = std::vector<bool>;

inline constexpr std::size_t kMostTerms = 256;  // of one sentence
using TermSet = std::bitset<kMostTerms>;

/// Which terms a hypothesis contains, and what it is in the middle of: its last `length` tokens are those of
/// an alternative that is longer, and the first `held_length` of these are the term `held`, if there is one.
struct TermProgress {
  TermSet met;  // without `held`
  std::int32_t alternative = 0;
  std::int32_t length = 0;
  std::int32_t held = -1;
  std::int32_t held_length = 0;
  bool word_ends = false;  // the last token ended a term of whole words
};

/// Tokens of all terms together, each in its longest alternative.
int longest_of(std::span<const Term> terms);

/// The terms of one sentence, and how hypotheses meet them; docs/numerics.md, "Search", has the rules.
class Terms {
 public:
  /// `continuations`, which outlives this: tokens that continue a word.
  Terms(std::span<const Term> terms, const TokenSet& continuations);
  Terms(Terms&&) = default;
  Terms& operator=(Terms&&) = default;

  /// Every token of every alternative, ascending.
  const std::vector<std::int32_t>& tokens() const { return tokens_; }
  const TokenSet& continuations() const { return *continuations_; }

  /// The progress of a hypothesis that goes on with `token`.
  TermProgress after(const TermProgress& earlier, std::int32_t token) const;

  /// The fewest tokens that meet every term.
  int missing(const TermProgress& progress) const;

  /// Which of a hypothesis's tokens are those of terms.
  std::vector<bool> marked(std::span<const std::int32_t> tokens) const;

  /// Makes `wanted` the tokens that begin a term that is not met or go on with one, ascending.
  void choose_wanted(const TermProgress& progress, std::vector<std::int32_t>& wanted) const;

 private:
  struct Alternative {
    std::span<const std::int32_t> tokens;
    std::size_t term;
  };

  TermProgress found(const Alternative& alternative, const TermSet& met,
                     std::span<const std::int32_t> last) const;
  const Alternative* longer_than(std::span<const std::int32_t> last, const TermSet& met) const;
  bool another_word(const Alternative& alternative, const TermSet& met,
                    std::span<const std::int32_t> tokens) const;
  TermSet all_met(const TermProgress& progress) const;
  bool breaks_held(const TermProgress& progress, std::int32_t token) const;
  int missing(const TermSet& met) const;
  /// Calls use(alternative, position, met) for every alternative that the hypothesis may be in the middle of,
  /// with its next token's position and the terms that are met without it.
  template <class Use>
  void for_each_begun(const TermProgress& progress, Use use) const;

  const TokenSet* continuations_;
  std::vector<std::int32_t> storage_;  // of all alternatives
  std::vector<Alternative> alternatives_;
  std::vector<int> shortest_;      // for each term
  std::vector<bool> whole_words_;  // for each term
  std::vector<std::int32_t> tokens_;
};

}  // namespace octavo
