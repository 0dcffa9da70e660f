#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "decoding/aligner.h"
#include "decoding/search.h"
#include "decoding/terms.h"
#include "kernels/kernel_table.h"

namespace octavo {

/// What one live hypothesis offers: its best tokens, its log-sum-exp, and the logits of the search's
/// watched().
struct Offer {
  std::span<const ScoredToken> best;
  float log_sum_exp;
  std::span<const float> watched = {};
};

/// The beam search of one sentence, free of any model: it is told what each live hypothesis offers and says
/// which continue. Hypotheses are a tree of tokens, each node pointing at its prefix.
class SentenceSearch {
 public:
  struct Live {
    float sum;          // log-probability so far
    std::int32_t node;  // last token, in the tree
    int parent;         // the live hypothesis it continues
    std::int32_t token;
  };

  /// `prefix`, which outlives this: the tokens that every hypothesis begins with.
  SentenceSearch(const SearchOptions& options, int longest, std::int32_t eos_id,
                 std::span<const std::int32_t> prefix, std::optional<Terms> terms);

  /// One step: offers[i] belongs to live()[i], and so does attention[i], with which whatever token continues
  /// it was chosen; in every step or in none. Throws Error when no hypothesis offers anything.
  void advance(std::span<const Offer> offers, std::span<const Attention> attention = {});

  bool done() const { return done_; }
  std::span<const Live> live() const { return live_; }

  /// Whether live()[hypothesis] may offer EOS.
  bool may_end(std::size_t hypothesis) const {
    return length_ >= options_.min_length && (!terms_ || missing_[hypothesis] == 0);
  }
  /// Tokens that live()[hypothesis] may not offer.
  std::span<const std::int32_t> barred(std::size_t hypothesis) const {
    return barred_.empty() ? std::span<const std::int32_t>() : barred_[hypothesis];
  }
  /// More of them; may be null.
  const TokenSet* barred_set(std::size_t hypothesis) const {
    return terms_ && progress_[hypothesis].word_ends ? &terms_->continuations() : nullptr;
  }
  /// Tokens whose logits every live hypothesis has to offer besides; none where there are no terms.
  std::span<const std::int32_t> watched() const {
    return terms_ ? terms_->tokens() : std::span<const std::int32_t>();
  }
  /// Tokens that live()[hypothesis] has, each once, where repeating them is penalized.
  std::span<const std::int32_t> penalized(std::size_t hypothesis) const {
    return penalized_.empty() ? std::span<const std::int32_t>() : penalized_[hypothesis];
  }
  /// Whether one live hypothesis may offer what another may not, or its logits are changed.
  bool hypotheses_differ() const { return terms_ || heeds_repeats(); }

  /// The most hypotheses that are live at a time.
  static int most_live(const SearchOptions& options, bool has_terms);

  /// The best options.nbest (fewer where there are not so many), best first.
  std::vector<Hypothesis> results() const;

 private:
  struct Node {
    std::int32_t parent;
    std::int32_t token;
  };
  struct Candidate {
    float sum;
    int hypothesis;
    std::int32_t token;
  };
  struct Finished {
    float score;
    float free_score;  // without the terms; see unmet_may_win
    std::int32_t node;
    bool complete;
  };

  struct TermCandidate {
    Candidate candidate;
    int missing;
    TermProgress progress;
  };

  bool in_prefix() const { return static_cast<std::size_t>(length_) < prefix_.size(); }
  void force();
  bool choose(std::span<const Offer> offers);
  void collect(std::span<const Offer> offers);
  void walk();
  void finish(std::int32_t node, float sum, bool complete);
  void go_on(const Candidate& candidate);
  void settle();
  bool enough_finished() const;
  bool better_is_unlikely() const;
  std::size_t places_left() const;
  void cut();
  bool no_better_can_come() const;
  bool heeds_repeats() const { return options_.no_repeat_ngram > 0 || options_.repetition_penalty != 1.0f; }
  void heed_repeats();
  void bar_repeats(std::span<const std::int32_t> tokens, std::vector<std::int32_t>& barred) const;

  // Where there are terms: sentence_search_terms.cpp.
  void collect_with_terms(std::span<const Offer> offers);
  void offer_with_terms(const Candidate& candidate);
  void drop_those_without_room();
  void walk_banks();
  void keep_best_of_bank(std::size_t first, std::size_t end);
  bool unmet_may_win() const;
  float free_score(std::int32_t node, float sum, bool complete, std::size_t begun) const;

  SearchOptions options_;
  int longest_;
  std::int32_t eos_id_;
  std::span<const std::int32_t> prefix_;
  int length_ = 0;  // tokens produced by each live hypothesis
  bool done_ = false;
  std::vector<Node> nodes_;
  std::vector<std::uint16_t> attention_;       // [nodes, source positions], or none
  std::span<const Attention> rows_attention_;  // of this step
  std::vector<Live> live_;
  std::vector<Live> next_;
  std::vector<Candidate> candidates_;
  std::vector<Finished> finished_;
  std::vector<std::vector<std::int32_t>> barred_;     // for each live hypothesis; empty: none
  std::vector<std::vector<std::int32_t>> penalized_;  // likewise

  std::optional<Terms> terms_;
  std::vector<float> node_sums_;        // for each node
  std::vector<TermProgress> progress_;  // for each live hypothesis
  std::vector<TermProgress> next_progress_;
  std::vector<int> missing_;  // tokens of terms, for each live hypothesis
  std::vector<int> next_missing_;
  std::vector<TermCandidate> term_candidates_;
  std::vector<std::size_t> kept_;  // of these
  std::vector<std::int32_t> wanted_;
};

}  // namespace octavo
