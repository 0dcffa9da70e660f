#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "decoding/aligner.h"
#include "decoding/request_queue.h"
#include "decoding/scorer.h"
#include "decoding/sentence_search.h"
#include "decoding/shortlist.h"

namespace octavo {

/// The sentences that a stream translates side by side, of any requests: when some have ended, others take
/// their place. Each result is what the sentence would get alone.
class BatchSearch {
 public:
  /// A sentence that has ended.
  struct Ended {
    std::shared_ptr<Request> request;
    std::size_t index;
    Request::Outcome outcome;
  };

  /// `shortlist` may be null. `heads`: those that align, or none.
  BatchSearch(const Transformer& model, const Shortlist* shortlist, const std::vector<AttentionHead>& heads);
  BatchSearch(const BatchSearch&) = delete;
  BatchSearch& operator=(const BatchSearch&) = delete;

  /// A sentence as queues have it. Its request has passed its checks.
  static Waiting waiting(const TransformerConfig& config, const Request& request, std::size_t index);

  bool is_empty() const { return live_.empty(); }
  std::size_t sentences() const { return live_.size(); }
  /// Decoder rows that its sentences count as.
  std::size_t rows() const { return places_; }
  /// The most sentences that it has at a time.
  std::size_t most_sentences() const { return model_.stream_rows; }
  /// What may come in now. Newcomers are encoded together, so it waits until a quarter of the rows is vacant
  /// unless they are `urgent`.
  Room room(bool urgent) const;

  /// Lets the newcomers in, which fit its room, and moves every search one step on, on this thread and those
  /// of `team`. Does not throw: what fails is the outcome of those whom it concerns.
  void step(std::span<const Taken> newcomers, Team& team) noexcept;

  /// Those that have ended since they were last cleared.
  std::vector<Ended>& ended() { return ended_; }

  /// Drops the sentences of which `is_over(request, index)`.
  template <class IsOver>
  void drop(IsOver is_over) {
    std::erase_if(live_, [&](const Sentence& sentence) {
      if (!is_over(*sentence.origin.request, sentence.origin.sentence.index)) return false;
      leave(sentence.origin.sentence);
      return true;
    });
  }

 private:
  struct Sentence {
    Taken origin;
    SentenceRows rows;
    SentenceSearch search;
    Candidates candidates;  // none without a shortlist
  };

  void admit(std::span<const Taken> newcomers);
  std::vector<SentenceRows> encode(std::span<const Taken> newcomers);
  void begin(const Taken& taken, SentenceRows rows);
  void advance();
  void add_rows(const Sentence& sentence);
  bool advance(Sentence& sentence, std::span<const Offer> offers, std::span<const Attention> attention);
  void fail(const Taken& taken);
  void leave(const Waiting& sentence);

  const Transformer& model_;
  const Shortlist* shortlist_;
  Workspace workspace_;
  DecoderCache cache_;
  Scorer scorer_;
  Aligner aligner_;
  std::vector<Sentence> live_;
  std::vector<Ended> ended_;
  std::size_t places_ = 0;           // decoder rows that all of them count as
  std::size_t cost_ = 0;             // of all of them
  std::vector<SentenceRows*> rows_;  // for each sentence
  std::vector<ScoredRow> scored_;    // for each row
  std::vector<int> aligned_;         // for each row its source positions, or 0
  std::vector<Continuation> continuations_;
};

}  // namespace octavo
