#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "model/decoder_cache.h"
#include "model/recurrent_states.h"

namespace octavo {

constexpr std::size_t page_count(int positions) {
  return static_cast<std::size_t>((positions + kPagePositions - 1) / kPagePositions);
}

/// The live hypotheses of one sentence, a row each, as the decoder sees them: what each is fed, where the
/// keys and values lie that it sees, and its recurrent state. A position in a page belongs to one row of one
/// step and is never moved; it is used again once no live hypothesis sees it.
class SentenceRows {
 public:
  /// `source_length` tokens at `source`; one row, fed `start`.
  SentenceRows(PageList source, int source_length, DecoderCache& cache, std::int32_t start);

  int rows() const { return static_cast<int>(token_.size()); }
  /// Keys that each row sees, the one it makes in this step included.
  int length() const { return length_; }
  std::span<const std::int32_t> token() const { return token_; }

  int source_length() const { return source_length_; }
  std::span<std::byte* const> source_pages() const { return source_.pages(); }

  std::span<std::byte* const> pages() const { return own_.pages(); }
  /// Exclusive upper bound of the positions that any row sees.
  int positions() const { return static_cast<int>(own_.size()) * kPagePositions; }
  /// Where row r's keys lie, in order: [rows, length].
  const std::int32_t* order() const { return order_.data(); }
  /// How many keys each row sees: [rows].
  const std::int32_t* counts() const { return counts_.data(); }
  /// The positions that each row sees, a bit for each: [rows, pages].
  const std::uint16_t* visible() const { return visible_.data(); }
  /// Which key of its rows each position is, from 0: [positions]. Of those that no row sees, anything.
  std::span<const std::int32_t> steps() const { return steps_; }
  /// Where row r's own key and value belong in this step.
  int own_position(int row) const { return order_[static_cast<std::size_t>((row + 1) * length_ - 1)]; }

  /// What the decoder's recurrent layers know of a row: DecoderCache::state_floats floats.
  float* state(int row) { return states_.row(row); }

  /// The next step: one row for each continuation.
  void advance(std::span<const Continuation> continuations);

 private:
  void advance_positions(std::span<const Continuation> continuations);
  void claim_positions();

  PageList source_;
  int source_length_;
  PageList own_;
  bool keeps_keys_;  // the decoder has self-attention
  RecurrentStates states_;
  int length_ = 0;
  std::vector<std::int32_t> token_;
  std::vector<std::int32_t> order_;
  std::vector<std::int32_t> counts_;
  std::vector<std::uint16_t> visible_;
  std::vector<std::int32_t> steps_;
  std::vector<std::int32_t> next_order_;
  std::vector<std::uint16_t> next_visible_;
  std::vector<std::uint16_t> taken_;  // for each page
};

}  // namespace octavo
