#include "decoding/terms.h"

#include <algorithm>
#include <limits>

namespace octavo {

namespace {

using Tokens = std::span<const std::int32_t>;

bool begins_with(Tokens tokens, Tokens start) {
  return tokens.size() >= start.size() && std::equal(start.begin(), start.end(), tokens.begin());
}

}  // namespace

int longest_of(std::span<const Term> terms) {
  std::size_t tokens = 0;
  for (const Term& term : terms) {
    const auto shorter = [](const auto& a, const auto& b) { return a.size() < b.size(); };
    tokens += std::max_element(term.alternatives.begin(), term.alternatives.end(), shorter)->size();
  }
  return static_cast<int>(tokens);
}

Terms::Terms(std::span<const Term> terms, const TokenSet& continuations) : continuations_(&continuations) {
  for (const Term& term : terms) {
    for (const auto& alternative : term.alternatives)
      storage_.insert(storage_.end(), alternative.begin(), alternative.end());
  }
  std::size_t used = 0;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    std::size_t shortest = std::numeric_limits<std::int32_t>::max();
    for (const auto& alternative : terms[t].alternatives) {
      alternatives_.push_back({Tokens(storage_).subspan(used, alternative.size()), t});
      used += alternative.size();
      shortest = std::min(shortest, alternative.size());
    }
    whole_words_.push_back(terms[t].whole_words);
    shortest_.push_back(static_cast<int>(shortest));
  }
  tokens_ = storage_;
  std::sort(tokens_.begin(), tokens_.end());
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end()), tokens_.end());
}

/// An alternative of a term that is not met, of which `last` is the beginning and not the whole.
const Terms::Alternative* Terms::longer_than(Tokens last, const TermSet& met) const {
  for (const Alternative& alternative : alternatives_) {
    if (!met[alternative.term] && alternative.tokens.size() > last.size() &&
        begins_with(alternative.tokens, last))
      return &alternative;
  }
  return nullptr;
}

/// `last` is an alternative. It waits, held, while a longer one may still come in its place.
TermProgress Terms::found(const Alternative& alternative, const TermSet& met, Tokens last) const {
  TermProgress progress{.met = met, .word_ends = whole_words_[alternative.term]};
  const Alternative* longer = longer_than(last, met);
  if (longer == nullptr) {
    progress.met.set(alternative.term);
    return progress;
  }
  progress.alternative = static_cast<std::int32_t>(longer - alternatives_.data());
  progress.length = progress.held_length = static_cast<std::int32_t>(last.size());
  progress.held = static_cast<std::int32_t>(alternative.term);
  return progress;
}

TermProgress Terms::after(const TermProgress& earlier, std::int32_t token) const {
  TermProgress before = earlier;
  before.word_ends = false;
  if (before.length == 0 && !std::binary_search(tokens_.begin(), tokens_.end(), token)) return before;
  if (breaks_held(before, token)) before.held = -1;
  std::vector<std::int32_t> last;
  if (before.length > 0) {
    const Tokens begun = alternatives_[static_cast<std::size_t>(before.alternative)].tokens.first(
        static_cast<std::size_t>(before.length));
    last.assign(begun.begin(), begun.end());
  }
  last.push_back(token);
  for (const Alternative& alternative : alternatives_) {
    if (!before.met[alternative.term] && alternative.tokens.size() == last.size() &&
        begins_with(alternative.tokens, last))
      return found(alternative, before.met, last);
  }
  if (const Alternative* longer = longer_than(last, before.met)) {
    TermProgress progress = before;
    progress.alternative = static_cast<std::int32_t>(longer - alternatives_.data());
    progress.length = static_cast<std::int32_t>(last.size());
    return progress;
  }
  // What was begun is lost. What began later, after a term that was held, is read again.
  TermProgress progress{.met = all_met(before)};
  for (std::size_t i = before.held < 0 ? 1 : static_cast<std::size_t>(before.held_length); i < last.size();
       ++i)
    progress = after(progress, last[i]);
  return progress;
}

/// Whether the token makes another word of the held term that it follows.
bool Terms::breaks_held(const TermProgress& progress, std::int32_t token) const {
  if (progress.held < 0 || progress.length != progress.held_length || continuations_->empty()) return false;
  return whole_words_[static_cast<std::size_t>(progress.held)] &&
         (*continuations_)[static_cast<std::size_t>(token)];
}

TermSet Terms::all_met(const TermProgress& progress) const {
  TermSet met = progress.met;
  if (progress.held >= 0) met.set(static_cast<std::size_t>(progress.held));
  return met;
}

int Terms::missing(const TermSet& met) const {
  int tokens = 0;
  for (std::size_t term = 0; term < shortest_.size(); ++term) {
    if (!met[term]) tokens += shortest_[term];
  }
  return tokens;
}

template <class Use>
void Terms::for_each_begun(const TermProgress& progress, Use use) const {
  if (progress.length == 0) return;
  const Tokens last = alternatives_[static_cast<std::size_t>(progress.alternative)].tokens.first(
      static_cast<std::size_t>(progress.length));
  const TermSet with_held = all_met(progress);
  for (std::size_t start = 0; start < last.size();
       start = start == 0 && progress.held >= 0 ? static_cast<std::size_t>(progress.held_length)
                                                : start + 1) {
    const TermSet& met = start == 0 ? progress.met : with_held;
    const Tokens begun = last.subspan(start);
    for (const Alternative& alternative : alternatives_) {
      if (!met[alternative.term] && alternative.tokens.size() > begun.size() &&
          begins_with(alternative.tokens, begun))
        use(alternative, begun.size(), met);
    }
  }
}

int Terms::missing(const TermProgress& progress) const {
  int fewest = missing(all_met(progress));
  for_each_begun(progress, [&](const Alternative& alternative, std::size_t position, const TermSet& met) {
    const int rest = static_cast<int>(alternative.tokens.size() - position);
    fewest = std::min(fewest, rest + missing(met) - shortest_[alternative.term]);
  });
  return fewest;
}

/// Whether `tokens`, which begin with an alternative that waits for a longer one, go on in the same word.
bool Terms::another_word(const Alternative& alternative, const TermSet& met, Tokens tokens) const {
  const std::size_t size = alternative.tokens.size();
  return whole_words_[alternative.term] && !continuations_->empty() && tokens.size() > size &&
         (*continuations_)[static_cast<std::size_t>(tokens[size])] &&
         longer_than(alternative.tokens, met) != nullptr;
}

std::vector<bool> Terms::marked(Tokens tokens) const {
  std::vector<bool> marks(tokens.size());
  TermSet met;
  for (std::size_t i = 0; i < tokens.size();) {
    const Alternative* found = nullptr;
    for (const Alternative& alternative : alternatives_) {
      const bool longer = found == nullptr || alternative.tokens.size() > found->tokens.size();
      if (longer && !met[alternative.term] && begins_with(tokens.subspan(i), alternative.tokens))
        found = &alternative;
    }
    if (found != nullptr && another_word(*found, met, tokens.subspan(i))) found = nullptr;
    if (found != nullptr) {
      met.set(found->term);
      std::fill_n(marks.begin() + static_cast<std::ptrdiff_t>(i), found->tokens.size(), true);
    }
    i += found == nullptr ? 1 : found->tokens.size();
  }
  return marks;
}

void Terms::choose_wanted(const TermProgress& progress, std::vector<std::int32_t>& wanted) const {
  wanted.clear();
  const TermSet met = all_met(progress);
  for (const Alternative& alternative : alternatives_) {
    if (!met[alternative.term]) wanted.push_back(alternative.tokens.front());
  }
  for_each_begun(progress, [&](const Alternative& alternative, std::size_t position, const TermSet&) {
    wanted.push_back(alternative.tokens[position]);
  });
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
}

}  // namespace octavo
