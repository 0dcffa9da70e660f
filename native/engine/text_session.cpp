#include "engine/text_session.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/errors.h"
#include "decoding/team_at_work.h"
#include "decoding/wanted_rows.h"

namespace octavo {

namespace {

constexpr int kLogitRows = 48;  // logits of so many rows at a time stay in cache

}  // namespace

TextSession::TextSession(std::shared_ptr<const Transformer> model, int threads)
    : model_(std::move(model)),
      team_(threads),
      workspace_(model_->kernels),
      cache_(model_->stacks->make_cache()) {
  if (!model_->config.is_language_model()) throw Error("only a language model continues texts");
}

void TextSession::check(const std::vector<Feed>& feeds) const {
  const TransformerConfig& config = model_->config;
  std::set<std::int64_t> named;
  for (const Feed& feed : feeds) {
    const std::string name = "text " + std::to_string(feed.text);
    if (!named.insert(feed.text).second) throw Error(name + " is fed twice in one step");
    const auto found = texts_.find(feed.text);
    const int rows = found == texts_.end() ? 1 : found->second.rows();
    const int length = found == texts_.end() ? 0 : found->second.length();
    if (feed.rows.empty()) throw Error(name + " is fed nothing");
    if (found == texts_.end() && feed.rows.size() > 1) throw Error(name + " begins with more than one row");
    if (length >= config.max_positions)
      throw Error(name + " is as long as the model has positions: " + std::to_string(length));
    for (const Continuation& row : feed.rows) {
      if (row.parent < 0 || row.parent >= rows)
        throw Error(name + " has no row " + std::to_string(row.parent));
      if (row.token < 0 || row.token >= config.target_vocab_size)
        throw Error("token " + std::to_string(row.token) + " lies outside the vocabulary of " +
                    std::to_string(config.target_vocab_size));
    }
  }
}

std::vector<float> TextSession::step(const std::vector<Feed>& feeds) {
  const std::lock_guard lock(busy_);
  check(feeds);
  const TeamAtWork at_work(workspace_, team_);
  std::vector<SentenceRows*> rows;
  std::vector<bool> wanted;
  for (const Feed& feed : feeds) {
    const auto found = texts_.find(feed.text);
    if (found == texts_.end()) {
      const auto begun = texts_.emplace(feed.text, begin_text(feed.rows.front().token, cache_));
      rows.push_back(&begun.first->second);
    } else {
      found->second.advance(feed.rows);
      rows.push_back(&found->second);
    }
    wanted.insert(wanted.end(), feed.rows.size(), feed.wanted);
  }
  if (rows.empty()) return {};
  return wanted_logits(model_->stacks->step(rows, workspace_), wanted);
}

std::vector<float> TextSession::wanted_logits(const ProductInput& states, const std::vector<bool>& wanted) {
  const OutputProjection& output = model_->stacks->output();
  const auto width = static_cast<std::size_t>(output.outputs());
  const auto rows = static_cast<std::size_t>(std::count(wanted.begin(), wanted.end(), true));
  std::vector<float> logits(rows * width);
  float* next = logits.data();
  for_each_run(wanted, [&](int first, int count) {
    for (int done = 0; done < count; done += kLogitRows) {
      const int some = std::min(kLogitRows, count - done);
      output.apply_to(0, output.outputs(), states.slice(first + done, some), next, workspace_);
      next += static_cast<std::size_t>(some) * width;
    }
  });
  return logits;
}

void TextSession::end(std::int64_t text) {
  const std::lock_guard lock(busy_);
  texts_.erase(text);
}

}  // namespace octavo
