// Many threads use one pool at a time, with different options, and give up some of what they ask for: each
// gets what it would get alone. To be built with -fsanitize=thread as well (tools/check.py).

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "engine/checks.h"
#include "engine/engine.h"
#include "expect.h"
#include "kernels/registry.h"
#include "random_model.h"

namespace octavo::testing {

namespace {

using Found = std::vector<std::vector<Hypothesis>>;

constexpr int kCallers = 6;
constexpr int kRounds = 12;

bool go_on() { return true; }

std::shared_ptr<const Transformer> load() {
  const TransformerConfig config = small_config();
  RandomFloats tensors(config, false);
  return std::make_shared<const Transformer>(
      Transformer::load(config, std::monostate{}, active_kernels(), tensors));
}

std::unique_ptr<Engine> make_engine(const std::shared_ptr<const Transformer>& model, int threads,
                                    int streams) {
  return std::make_unique<Engine>(model, nullptr, std::vector<AttentionHead>{{.layer = 1, .head = 1}},
                                  threads, streams);
}

/// The request that round number `round` of a caller makes.
std::shared_ptr<Request> request_of(int caller, int round) {
  Random random(static_cast<std::uint64_t>(100 * caller + round));
  auto request = std::make_shared<Request>();
  request->sources.resize(static_cast<std::size_t>(random.integer(1, 7)));
  for (auto& source : request->sources) {
    for (int length = random.integer(1, 12); length > 0; --length) source.push_back(random.integer(4, 99));
  }
  request->options.beam = random.integer(1, 9);
  request->options.nbest = request->options.beam;
  request->options.max_length = 8;
  request->options.no_repeat_ngram = random.integer(0, 2);
  request->options.stop = static_cast<Stop>(random.integer(0, 3));
  request->options.word_penalty = 0.25f * static_cast<float>(random.integer(-1, 1));
  request->options.repetition_penalty = random.integer(0, 1) == 1 ? 1.3f : 1.0f;
  request->alignments = random.integer(0, 1) == 1;
  request->priority = static_cast<Priority>(random.integer(0, 2));
  if (round % 3 == 1) {
    request->terms.resize(request->sources.size());
    for (auto& terms : request->terms) terms.push_back({.alternatives = {{random.integer(4, 99), 50}}});
  }
  if (round % 4 == 2) {
    request->target_prefixes.resize(request->sources.size());
    for (auto& prefix : request->target_prefixes) prefix.assign(2, random.integer(4, 99));
  }
  return request;
}

void expect_same(const Request& request, const Request& expected) {
  for (std::size_t i = 0; i < request.outcomes.size(); ++i) {
    const auto& found = request.outcomes[i].hypotheses;
    const auto& right = expected.outcomes[i].hypotheses;
    expect(found.size() == right.size(), "there are as many hypotheses as alone");
    for (std::size_t h = 0; h < found.size(); ++h) {
      expect(found[h].tokens == right[h].tokens && found[h].score == right[h].score &&
                 found[h].attention == right[h].attention,
             "they are those that a sentence has alone");
    }
  }
}

std::shared_ptr<Request> alone(Engine& engine, int caller, int round) {
  auto request = request_of(caller, round);
  engine.pool().translate(request, go_on, false);
  return request;
}

/// Every fourth request of the callers is given up, by its deadline or by another thread.
void call(TranslationPool& pool, int caller, const std::vector<std::shared_ptr<Request>>& expected,
          std::atomic<int>& given_up) {
  for (int round = 0; round < kRounds; ++round) {
    auto request = request_of(caller, round);
    std::thread canceller;
    if (round % 4 == 2) request->deadline = Clock::now() + std::chrono::microseconds(300);
    if (round % 4 == 3) canceller = std::thread([&pool, request] { pool.cancel(*request); });
    try {
      pool.translate(request, go_on, round % 2 == 0);
      expect_same(*request, *expected[static_cast<std::size_t>(round)]);
    } catch (const Cancelled&) {
      ++given_up;
    } catch (const TooLate&) {
      ++given_up;
    }
    if (canceller.joinable()) canceller.join();
  }
}

void check_callers() {
  const auto model = load();
  const auto reference = make_engine(model, 1, 1);
  std::vector<std::vector<std::shared_ptr<Request>>> expected(kCallers);
  for (int caller = 0; caller < kCallers; ++caller) {
    for (int round = 0; round < kRounds; ++round)
      expected[static_cast<std::size_t>(caller)].push_back(alone(*reference, caller, round));
  }
  for (const auto& [threads, streams] : {std::pair{1, 1}, {2, 2}, {3, 1}, {5, 2}}) {
    const auto engine = make_engine(model, threads, streams);
    std::atomic<int> given_up = 0;
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&, caller] {
        call(engine->pool(), caller, expected[static_cast<std::size_t>(caller)], given_up);
      });
    }
    std::jthread watcher([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) engine->pool().activity();
    });
    callers.clear();
    watcher.request_stop();
    watcher.join();
    Activity now = engine->pool().activity();
    while (now.sentences_under_way > 0) now = engine->pool().activity();  // what was given up is dropped soon
    expect(now.waiting_sentences == 0 && now.waiting_tokens == 0 && now.rows_in_use == 0, "nothing is left");
  }
}

void check_submissions() {
  const auto model = load();
  const auto reference = make_engine(model, 1, 1);
  const auto engine = make_engine(model, 2, 2);
  TranslationPool& pool = engine->pool();
  std::size_t sentences = 0;
  std::vector<std::shared_ptr<Request>> requests;
  for (int round = 0; round < 40; ++round) {
    requests.push_back(request_of(round % kCallers, round / kCallers));
    sentences += requests.back()->sources.size();
  }
  std::jthread submitter([&] {
    for (const auto& request : requests) {
      while (!pool.submit(request_of(0, 0), 60)) std::this_thread::yield();
      while (!pool.submit(request, 60)) std::this_thread::yield();
    }
    pool.finish_collecting();
  });
  const std::size_t own = request_of(0, 0)->sources.size() * requests.size();
  std::size_t collected = 0;
  while (true) {
    const TranslationPool::Collected some = pool.collect(go_on);
    if (some.request == nullptr) break;
    collected += some.sentences.size();
  }
  submitter.join();
  expect(collected == sentences + own, "every sentence is collected once");
  for (int round = 0; round < 40; ++round) {
    expect_same(*requests[static_cast<std::size_t>(round)],
                *alone(*reference, round % kCallers, round / kCallers));
  }
}

/// A pool that is stopped at work starts again.
void check_stops() {
  const auto model = load();
  const auto engine = make_engine(model, 2, 2);
  const auto expected = alone(*engine, 1, 1);
  for (int round = 0; round < 5; ++round) {
    std::jthread caller([&] {
      try {
        while (true) alone(*engine, 1, 1);
      } catch (const Cancelled&) {
      }
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    while (engine->pool().activity().sentences_under_way == 0) std::this_thread::yield();
    std::atomic<bool> ended = false;
    std::jthread stopper([&] {
      while (!ended.load()) engine->stop();
    });
    caller.join();
    ended = true;
    stopper.join();
    expect_same(*alone(*engine, 1, 1), *expected);
  }
}

/// What a caller has given up before it begins never begins.
void check_early_cancel() {
  const auto model = load();
  const auto engine = make_engine(model, 1, 1);
  const auto request = request_of(0, 0);
  engine->pool().cancel(*request);
  bool cancelled = false;
  try {
    engine->pool().translate(request, go_on, false);
  } catch (const Cancelled&) {
    cancelled = true;
  }
  expect(cancelled && engine->pool().activity().steps == 0, "no step is made");
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  const std::pair<const char*, void (*)()> checks[] = {{"callers", check_callers},
                                                       {"submissions", check_submissions},
                                                       {"stops", check_stops},
                                                       {"early_cancel", check_early_cancel}};
  return run_checks(checks);
}
