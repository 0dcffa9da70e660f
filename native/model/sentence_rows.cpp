#include "model/sentence_rows.h"

#include <algorithm>
#include <bit>

namespace octavo {

SentenceRows::SentenceRows(PageList source, int source_length, DecoderCache& cache, std::int32_t start)
    : source_(std::move(source)),
      source_length_(source_length),
      own_(cache.own),
      keeps_keys_(cache.own.page_bytes() > 0),
      states_(cache.state_floats) {
  const Continuation first{0, start};
  advance({&first, 1});
}

void SentenceRows::advance(std::span<const Continuation> continuations) {
  token_.clear();
  for (const Continuation& continuation : continuations) token_.push_back(continuation.token);
  if (keeps_keys_) advance_positions(continuations);
  states_.advance(continuations);
  ++length_;
  counts_.assign(continuations.size(), length_);
  if (keeps_keys_) claim_positions();
}

/// Every row sees what its parent saw.
void SentenceRows::advance_positions(std::span<const Continuation> continuations) {
  const auto length = static_cast<std::size_t>(length_);
  const std::size_t rows = continuations.size();
  const std::size_t pages = own_.size();
  next_order_.resize(rows * (length + 1));
  next_visible_.resize(rows * pages);
  for (std::size_t row = 0; row < rows; ++row) {
    const auto parent = static_cast<std::size_t>(continuations[row].parent);
    std::copy_n(order_.data() + parent * length, length, next_order_.data() + row * (length + 1));
    std::copy_n(visible_.data() + parent * pages, pages, next_visible_.data() + row * pages);
  }
  order_.swap(next_order_);
  visible_.swap(next_visible_);
}

/// Gives every row a position of its own that no row sees.
void SentenceRows::claim_positions() {
  const std::size_t rows = token_.size();
  std::size_t pages = own_.size();
  taken_.assign(pages, 0);
  for (std::size_t i = 0; i < visible_.size(); ++i) taken_[i % pages] |= visible_[i];
  std::size_t vacant = 0;
  for (const std::uint16_t page : taken_)
    vacant += static_cast<std::size_t>(std::popcount(static_cast<unsigned>(page ^ 0xffffU)));
  if (vacant < rows) {
    const std::size_t more = page_count(static_cast<int>(rows - vacant));
    own_.extend(pages + more);
    next_visible_.assign(rows * (pages + more), 0);
    for (std::size_t row = 0; row < rows; ++row) {
      std::copy_n(visible_.data() + row * pages, pages, next_visible_.data() + row * (pages + more));
    }
    visible_.swap(next_visible_);
    pages += more;
    taken_.resize(pages, 0);
  }
  steps_.resize(pages * kPagePositions);
  std::size_t page = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    while (taken_[page] == 0xffff) ++page;
    const int place = std::countr_one(taken_[page]);
    const auto bit = static_cast<std::uint16_t>(1U << place);
    taken_[page] = static_cast<std::uint16_t>(taken_[page] | bit);
    visible_[row * pages + page] = static_cast<std::uint16_t>(visible_[row * pages + page] | bit);
    const std::int32_t position = static_cast<std::int32_t>(page) * kPagePositions + place;
    order_[(row + 1) * static_cast<std::size_t>(length_) - 1] = position;
    steps_[static_cast<std::size_t>(position)] = length_ - 1;
  }
}

}  // namespace octavo
