#include "decoding/shortlist.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/errors.h"

namespace octavo {

namespace {

void refuse(const std::string& why) { throw Error("shortlist: " + why); }

/// Ascending, without repetition, in the vocabulary.
void check_list(std::span<const std::int32_t> list, int vocabulary, const std::string& name) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] < 0 || list[i] >= vocabulary)
      refuse(name + " holds token " + std::to_string(list[i]) + ", outside the target vocabulary");
    if (i > 0 && list[i] <= list[i - 1]) refuse(name + " is not ascending");
  }
}

void check(const TransformerConfig& config, const CandidateLists& lists) {
  check_list(lists.common, config.target_vocab_size, "the common list");
  const auto is_common = [&](std::int32_t token) {
    return std::binary_search(lists.common.begin(), lists.common.end(), token);
  };
  const auto is_suppressed = [&](std::int32_t token) {
    return std::find(config.suppressed_ids.begin(), config.suppressed_ids.end(), token) !=
           config.suppressed_ids.end();
  };
  if (!is_common(config.eos_id)) refuse("the common list lacks EOS");
  const std::vector<std::int32_t>& offsets = lists.offsets;
  if (offsets.size() != static_cast<std::size_t>(config.source_vocab_size) + 1 || offsets.front() != 0 ||
      !std::is_sorted(offsets.begin(), offsets.end()) ||
      static_cast<std::size_t>(offsets.back()) != lists.tokens.size())
    refuse("the offsets do not cut the tokens into a list for every source token");
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    const auto first = static_cast<std::size_t>(offsets[s]);
    const auto count = static_cast<std::size_t>(offsets[s + 1]) - first;
    const auto own = std::span(lists.tokens).subspan(first, count);
    const std::string name = "the list of source token " + std::to_string(s);
    check_list(own, config.target_vocab_size, name);
    if (std::any_of(own.begin(), own.end(), is_common)) refuse(name + " repeats a common token");
    if (std::any_of(own.begin(), own.end(), is_suppressed)) refuse(name + " holds a suppressed token");
  }
}

}  // namespace

Shortlist::Shortlist(const Transformer& model, CandidateLists lists)
    : model_(&model), lists_(std::move(lists)) {
  check(model.config, lists_);
  model.stacks->output().select(lists_.common, common_output_);
}

void Shortlist::choose(std::span<const std::int32_t> source, std::span<const std::int32_t> needed,
                       Candidates& candidates) const {
  std::vector<std::int32_t>& ids = candidates.ids;
  ids.clear();
  for (const std::int32_t token : source) {
    const std::int32_t* bounds = lists_.offsets.data() + token;
    ids.insert(ids.end(), lists_.tokens.begin() + bounds[0], lists_.tokens.begin() + bounds[1]);
  }
  std::copy_if(needed.begin(), needed.end(), std::back_inserter(ids), [&](std::int32_t token) {
    return !std::binary_search(lists_.common.begin(), lists_.common.end(), token);
  });
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  model_->stacks->output().select(ids, candidates.output);
}

}  // namespace octavo
