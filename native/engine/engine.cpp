#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <string>
#include <system_error>
#include <thread>

#include "base/errors.h"
#include "engine/streams_at_work.h"

namespace octavo {

namespace {

constexpr std::chrono::milliseconds kPoll{50};

void check_tokens(const std::vector<std::int32_t>& tokens, int vocabulary, int longest, const char* side) {
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocabulary) {
      throw Error(std::string(side) + " token " + std::to_string(token) + " lies outside the vocabulary of " +
                  std::to_string(vocabulary));
    }
  }
  if (tokens.size() > static_cast<std::size_t>(longest)) {
    throw Error(std::string(side) + " has " + std::to_string(tokens.size()) +
                " tokens; the model takes at most " + std::to_string(longest));
  }
}

TokenSet token_set(std::span<const std::int32_t> tokens, int vocabulary) {
  if (tokens.empty()) return {};
  TokenSet set(static_cast<std::size_t>(vocabulary));
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocabulary)
      throw Error("continuation " + std::to_string(token) + " lies outside the vocabulary of " +
                  std::to_string(vocabulary));
    set[static_cast<std::size_t>(token)] = true;
  }
  return set;
}

}  // namespace

void check_source(const TransformerConfig& config, const std::vector<std::int32_t>& tokens) {
  if (config.is_language_model()) {
    if (!tokens.empty()) throw Error("a language model has no source; give it no source tokens");
    return;
  }
  check_tokens(tokens, config.source_vocab_size, config.max_positions - (config.source_eos ? 1 : 0),
               "source");
  if (tokens.empty() && !config.source_eos) throw Error("source has no tokens");
}

void check_target(const TransformerConfig& config, const std::vector<std::int32_t>& tokens) {
  check_tokens(tokens, config.target_vocab_size, config.max_positions - 1, "target");
}

void check_terms(const TransformerConfig& config, std::size_t source, const std::vector<Term>& terms) {
  const std::string place = "source " + std::to_string(source) + ": ";
  if (terms.size() > kMostTerms)
    throw Error(place + "has " + std::to_string(terms.size()) + " terms; at most " +
                std::to_string(kMostTerms) + " can be met in one translation");
  const std::vector<std::int32_t>& suppressed = config.suppressed_ids;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const std::string name = place + "term " + std::to_string(t);
    if (terms[t].alternatives.empty())
      throw Error(name + " has no alternative; give it a sequence of tokens");
    for (const std::vector<std::int32_t>& tokens : terms[t].alternatives) {
      if (tokens.empty()) throw Error(name + " has an alternative without tokens");
      check_tokens(tokens, config.target_vocab_size, config.max_positions - 1, name.c_str());
      for (const std::int32_t token : tokens) {
        if (token == config.eos_id)
          throw Error(name + " holds EOS, token " + std::to_string(token) + ", which only ends translations");
        if (std::find(suppressed.begin(), suppressed.end(), token) != suppressed.end())
          throw Error(name + " holds token " + std::to_string(token) +
                      ", which this model never produces (suppressed_ids)");
      }
    }
  }
}

void check_head(const TransformerConfig& config, const AttentionHead& head) {
  if (config.is_language_model()) throw Error("a language model has no source to align with");
  if (head.layer < 0 || head.layer >= config.decoder_layers || head.head < 0 ||
      head.head >= config.attention_heads) {
    throw Error("layer " + std::to_string(head.layer) + ", head " + std::to_string(head.head) +
                ": the model has " + std::to_string(config.decoder_layers) + " decoder layers of " +
                std::to_string(config.attention_heads) + " heads");
  }
}

void check_text(const TransformerConfig& config, const ScoredText& text) {
  check_tokens(text.tokens, config.target_vocab_size, config.max_positions + 1, "text");
  if (text.scored < 1 || text.scored >= text.tokens.size())
    throw Error(std::to_string(text.scored) + " tokens to score of " + std::to_string(text.tokens.size()) +
                "; at least one, and not the first, can be scored");
}

Engine::Streams::Streams(const Transformer& model, const Shortlist* shortlist, int streams) {
  for (int i = 0; i < streams; ++i) {
    if (model.config.is_language_model()) {
      scorings.emplace_back(model);
    } else {
      searches.emplace_back(model, shortlist);
    }
  }
}

Engine::Engine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist,
               int threads, int streams)
    : model_(std::move(model)), shortlist_(std::move(shortlist)), threads_(threads), stream_count_(streams) {
  check_threads(threads);
  if (streams < 1 || streams > threads) throw Error("streams must be from 1 to threads");
  streams_ = make_streams();
}

std::unique_ptr<Engine::Streams> Engine::make_streams() const {
  return std::make_unique<Streams>(*model_, shortlist_.get(), stream_count_);
}

void Engine::after_fork() {
  if (streams_->busy.try_lock()) {
    streams_->busy.unlock();
    return;
  }
  std::unique_ptr<Streams> fresh = make_streams();
  static_cast<void>(streams_.release());  // what a lost thread was changing cannot be freed
  streams_ = std::move(fresh);
}

std::vector<std::vector<Hypothesis>> Engine::translate(const std::vector<std::vector<std::int32_t>>& sources,
                                                       const std::vector<std::vector<Term>>& terms,
                                                       std::span<const std::int32_t> continuations,
                                                       const SearchOptions& options,
                                                       const KeepGoing& keep_going) {
  if (model_->config.is_language_model()) throw Error("a language model does not translate");
  check(options);
  if (!terms.empty() && terms.size() != sources.size())
    throw Error("there must be terms for every source, or for none; there are " +
                std::to_string(terms.size()) + " for " + std::to_string(sources.size()) + " sources");
  const Sources given{sources, terms, token_set(continuations, model_->config.target_vocab_size)};
  for (const AttentionHead& head : options.alignment) check_head(model_->config, head);
  const auto turn = wait_for_turn(keep_going);
  std::vector<SentenceQueue::Sentence> sentences;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    check_source(model_->config, sources[i]);
    if (!terms.empty()) check_terms(model_->config, i, terms[i]);
    const int length = static_cast<int>(sources[i].size()) + (model_->config.source_eos ? 1 : 0);
    sentences.push_back(
        {i, static_cast<std::size_t>(length),
         BatchSearch::cost(options, length, model_->config.max_positions, given.terms_of(i))});
  }
  std::vector<std::vector<Hypothesis>> results(sources.size());
  const int used = std::min(static_cast<int>(sources.size()), stream_count_);
  SentenceQueue queue(std::move(sentences), std::max(used, 1));
  share(
      queue, used,
      [&](std::size_t stream, Team& team, const std::atomic<bool>& cancelled) {
        streams_->searches[stream].run(queue, given, options, cancelled, team, results);
      },
      keep_going);
  return results;
}

std::vector<std::vector<float>> Engine::score(const std::vector<ScoredText>& texts,
                                              const KeepGoing& keep_going) {
  if (!model_->config.is_language_model()) throw Error("only a language model scores texts");
  const auto turn = wait_for_turn(keep_going);
  std::vector<SentenceQueue::Sentence> queued;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    check_text(model_->config, texts[i]);
    queued.push_back({i, texts[i].tokens.size(), texts[i].tokens.size()});
  }
  std::vector<std::vector<float>> scores(texts.size());
  const int used = std::min(static_cast<int>(texts.size()), stream_count_);
  SentenceQueue queue(std::move(queued), std::max(used, 1));
  share(
      queue, used,
      [&](std::size_t stream, Team& team, const std::atomic<bool>& cancelled) {
        streams_->scorings[stream].run(queue, texts, cancelled, team, scores);
      },
      keep_going);
  return scores;
}

std::unique_lock<std::timed_mutex> Engine::wait_for_turn(const KeepGoing& keep_going) {
  std::unique_lock<std::timed_mutex> lock(streams_->busy, std::defer_lock);
  while (!lock.try_lock_for(kPoll)) {
    if (!keep_going()) throw Cancelled();
  }
  return lock;
}

/// Runs `work` on a thread for each of `used` streams and waits for them. Throws their first failure.
void Engine::share(SentenceQueue& queue, int used, const StreamWork& work, const KeepGoing& keep_going) {
  StreamsAtWork at_work(used);
  std::atomic<bool> cancelled = false;
  const std::exception_ptr no_memory = std::make_exception_ptr(std::bad_alloc());
  const std::exception_ptr no_thread = std::make_exception_ptr(Error("the system allows no more threads"));

  const auto fail = [&](const std::exception_ptr& failure) {
    at_work.failed(failure);
    queue.close();
  };
  const auto run = [&](int stream) {
    if (!prepare_for_exceptions()) {
      fail(no_memory);
    } else {
      try {
        Team team(threads_ / used + (stream < threads_ % used ? 1 : 0));
        work(static_cast<std::size_t>(stream), team, cancelled);
      } catch (...) {
        fail(std::current_exception());
      }
    }
    at_work.ended();
  };

  std::vector<std::jthread> threads;
  threads.reserve(static_cast<std::size_t>(used));
  const auto not_started = [&](const std::exception_ptr& why) {  // where some run, they do the work
    if (threads.empty()) fail(why);
    at_work.ended();
  };
  for (int i = 0; i < used; ++i) {
    try {
      threads.emplace_back(run, i);
    } catch (const std::system_error&) {
      not_started(no_thread);
    } catch (const std::bad_alloc&) {
      not_started(no_memory);
    }
  }
  const Streams* const streams = streams_.get();
  while (!at_work.wait(kPoll)) {
    if (streams_.get() != streams) {  // this thread has forked, in keep_going; the child has no other
      static_cast<void>(new std::vector<std::jthread>(std::move(threads)));
      throw Error("the process forked in the middle of this call, so the child cannot end it; call again");
    }
    if (!cancelled.load() && !keep_going()) cancelled = true;
  }
  threads.clear();
  if (const std::exception_ptr failure = at_work.failure()) std::rethrow_exception(failure);
  if (cancelled.load()) throw Cancelled();
}

}  // namespace octavo
