#include "engine/engine.h"

#include <utility>

#include "base/errors.h"
#include "base/freed_memory.h"
#include "engine/checks.h"

namespace octavo {

Engine::Engine(std::shared_ptr<const Transformer> model, std::unique_ptr<const Shortlist> shortlist,
               std::vector<AttentionHead> heads, int threads, int streams)
    : model_(std::move(model)),
      shortlist_(std::move(shortlist)),
      heads_(std::move(heads)),
      threads_(threads),
      streams_(streams) {
  check_threads(threads);
  if (streams < 1 || streams > threads) throw Error("streams must be from 1 to threads");
  for (const AttentionHead& head : heads_) check_head(model_->config, head);
  if (model_->config.is_language_model()) {
    scoring_ = std::make_unique<ScoringStreams>(*model_, threads_, streams_);
  } else {
    pool_ = make_pool();
  }
  return_freed_memory();  // what loading the model took
}

Engine::~Engine() {
  scoring_.reset();
  pool_.reset();
  shortlist_.reset();
  model_.reset();
  return_freed_memory();
}

std::unique_ptr<TranslationPool> Engine::make_pool() const {
  return std::make_unique<TranslationPool>(*model_, shortlist_.get(), heads_, threads_, streams_);
}

TranslationPool& Engine::pool() {
  if (pool_ == nullptr) throw Error("a language model does not translate");
  return *pool_;
}

ScoringStreams& Engine::scoring() {
  if (scoring_ == nullptr) throw Error("only a language model scores texts");
  return *scoring_;
}

void Engine::give_up() {
  if (pool_ != nullptr) pool_->cancel_all();
}

void Engine::stop() {
  if (pool_ != nullptr) pool_->stop();
}

void Engine::after_fork() {
  if (scoring_ != nullptr) scoring_->after_fork();
  if (pool_ == nullptr || pool_->is_unused()) return;
  std::unique_ptr<TranslationPool> fresh = make_pool();
  pool_->abandon();
  static_cast<void>(pool_.release());  // its threads cannot be joined, nor what they were changing be freed
  pool_ = std::move(fresh);
}

}  // namespace octavo
