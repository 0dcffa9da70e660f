#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decoding/search.h"
#include "kernels/kernel_table.h"

namespace octavo {

/// What one live hypothesis offers: its best tokens and its log-sum-exp.
struct Offer {
  std::span<const ScoredToken> best;
  float log_sum_exp;
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

  SentenceSearch(const SearchOptions& options, int longest, std::int32_t eos_id);

  /// One step: offers[i] belongs to live()[i]. Throws Error when no hypothesis offers anything.
  void advance(std::span<const Offer> offers);

  bool done() const { return done_; }
  std::span<const Live> live() const { return live_; }
  bool end_is_allowed() const { return length_ >= options_.min_length; }

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
    std::int32_t node;
    bool complete;
  };

  void collect(std::span<const Offer> offers);
  void settle();
  bool no_better_can_come() const;

  SearchOptions options_;
  int longest_;
  std::int32_t eos_id_;
  int length_ = 0;  // tokens produced by each live hypothesis
  bool done_ = false;
  std::vector<Node> nodes_;
  std::vector<Live> live_;
  std::vector<Live> next_;
  std::vector<Candidate> candidates_;
  std::vector<Finished> finished_;
};

}  // namespace octavo
