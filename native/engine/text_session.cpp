#include "engine/text_session.h"

#include <algorithm>
#include <set>
#include <string>

#include "base/errors.h"
#include "decoding/logits.h"

namespace octavo {

TextSession::State::State(const Transformer& model, int threads)
    : team(std::make_unique<Team>(threads)), workspace(model.kernels), cache(model.stacks->make_cache()) {}

TextSession::TextSession(std::shared_ptr<const Transformer> model, int threads)
    : model_(std::move(model)), threads_(threads) {
  if (!model_->config.is_language_model()) throw Error("only a language model continues texts");
  state_ = std::make_unique<State>(*model_, threads_);
}

void TextSession::after_fork() {
  if (state_ == nullptr) return;
  if (!state_->busy.try_lock()) {
    static_cast<void>(state_.release());  // what a lost thread was changing cannot be freed
    return;
  }
  static_cast<void>(state_->team.release());  // nor can threads be joined that the child does not have
  state_->busy.unlock();
}

/// Throws Error, with nothing changed, where one of the feeds cannot be.
void TextSession::check(const State& state, const TransformerConfig& config, const std::vector<Feed>& feeds) {
  if (state.torn) throw Error("an earlier step failed; begin the texts again in another session");
  std::set<std::int64_t> named;
  for (const Feed& feed : feeds) {
    const std::string name = "text " + std::to_string(feed.text);
    if (!named.insert(feed.text).second) throw Error(name + " is fed twice in one step");
    const auto found = state.texts.find(feed.text);
    const int rows = found == state.texts.end() ? 1 : found->second.rows();
    const int length = found == state.texts.end() ? 0 : found->second.length();
    if (feed.rows.empty()) throw Error(name + " is fed nothing");
    if (found == state.texts.end() && feed.rows.size() > 1)
      throw Error(name + " begins with more than one row");
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
  if (state_ == nullptr)
    throw Error(
        "the process forked in the middle of a step; begin the texts again in a session of this process");
  State& state = *state_;
  const std::lock_guard lock(state.busy);
  check(state, model_->config, feeds);
  if (state.team == nullptr) state.team = std::make_unique<Team>(threads_);
  const TeamAtWork at_work(state.workspace, *state.team);
  std::vector<SentenceRows*> rows;
  std::vector<bool> wanted;
  state.torn = true;
  for (const Feed& feed : feeds) {
    const auto found = state.texts.find(feed.text);
    if (found == state.texts.end()) {
      const auto begun = state.texts.emplace(feed.text, begin_text(feed.rows.front().token, state.cache));
      rows.push_back(&begun.first->second);
    } else {
      found->second.advance(feed.rows);
      rows.push_back(&found->second);
    }
    wanted.insert(wanted.end(), feed.rows.size(), feed.wanted);
  }
  std::vector<float> logits;
  if (!rows.empty())
    logits = wanted_logits(model_->stacks->step(rows, state.workspace), wanted, state.workspace);
  state.torn = false;
  return logits;
}

std::vector<float> TextSession::wanted_logits(const ProductInput& states, const std::vector<bool>& wanted,
                                              Workspace& workspace) const {
  const OutputProjection& output = model_->stacks->output();
  const auto width = static_cast<std::size_t>(output.outputs());
  const auto rows = static_cast<std::size_t>(std::count(wanted.begin(), wanted.end(), true));
  std::vector<float> logits(rows * width);
  float* next = logits.data();
  for_each_run(wanted, [&](int first, int count) {
    for_each_part(count, [&](int done, int some) {
      output.apply_to(0, output.outputs(), states.slice(first + done, some), next, workspace);
      next += static_cast<std::size_t>(some) * width;
    });
  });
  return logits;
}

void TextSession::end(std::int64_t text) {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->busy);
  state_->texts.erase(text);
}

}  // namespace octavo
