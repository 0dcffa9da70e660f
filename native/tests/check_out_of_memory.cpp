// Fails every allocation of a call in turn, alone and with all that follow it: the call throws std::bad_alloc
// or returns what it should, and what it was called of works on.

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/errors.h"
#include "base/team.h"
#include "decoding/sampling.h"
#include "engine/checks.h"
#include "engine/engine.h"
#include "engine/text_session.h"
#include "expect.h"
#include "kernels/registry.h"
#include "random_model.h"

namespace {

std::atomic<bool> armed = false;
std::atomic<bool> once = false;     // one allocation fails; else all from it on
std::atomic<long> granted = 0;      // allocations until then
std::atomic<bool> refused = false;  // whether one has failed

bool is_refused() {
  if (!armed.load()) return false;
  const long left = granted.fetch_sub(1);
  const bool fails = once.load() ? left == 0 : left <= 0;
  if (fails) refused = true;
  return fails;
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (is_refused()) throw std::bad_alloc();
  void* const memory = std::aligned_alloc(alignment, octavo::round_up(bytes + (bytes == 0), alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace octavo::testing {

namespace {

/// Runs `work` with its first allocation failing, then with its second, until none is left to fail; `settle`
/// is told each time whether `work` threw.
template <class Work, class Settle>
void fail_each(const std::string& name, Work work, Settle settle) {
  for (const bool alone : {true, false}) {
    long allocations = 0;
    for (bool any = true; any; ++allocations) {
      bool thrown = false;
      once = alone;
      granted = allocations;
      refused = false;
      armed = true;
      try {
        work();
      } catch (const std::bad_alloc&) {
        thrown = true;
      } catch (...) {
        armed = false;
        throw;
      }
      armed = false;
      any = refused;
      expect(any || !thrown, name + " has the memory that it needs");
      settle(thrown);
    }
    std::printf("%s: %ld allocations\n", name.c_str(), allocations - 1);
  }
}

TransformerConfig language_config() {
  TransformerConfig config = small_config();
  config.encoder_layers = 0;
  return config;
}

/// Int8 wherever the engine can: static scales at the inputs of sublayers, dynamic ones elsewhere.
QuantizationPlan small_plan(const TransformerConfig& config) {
  QuantizationPlan plan;
  std::vector<std::string> attentions;
  for (int i = 0; i < config.encoder_layers; ++i)
    attentions.push_back("encoder.layers." + std::to_string(i) + ".self_attention");
  for (int i = 0; i < config.decoder_layers; ++i) {
    const std::string layer = "decoder.layers." + std::to_string(i);
    attentions.insert(attentions.end(), {layer + ".self_attention", layer + ".cross_attention"});
  }
  const std::vector<float> scales(static_cast<std::size_t>(config.attention_heads), 0.02f);
  for (const std::string& name : attentions) {
    plan.inputs[name + ".input"] = {.scale = 0.02f, .zero_point = 128};
    for (const char* part : {".queries", ".keys", ".values"}) plan.heads[name + part] = scales;
  }
  return plan;
}

/// A model of one arithmetic, and where its tensors come from.
struct Kind {
  std::string name;
  TransformerConfig config;
  Arithmetic arithmetic;

  std::shared_ptr<const Transformer> load() const {
    RandomIntegers integers(config);
    RandomFloats floats(config, std::holds_alternative<QuantizationPlan>(arithmetic));
    const bool is_integer = std::holds_alternative<IntegerScheme>(arithmetic);
    TensorSource& tensors = is_integer ? static_cast<TensorSource&>(integers) : floats;
    return std::make_shared<const Transformer>(
        Transformer::load(config, arithmetic, active_kernels(), tensors));
  }
};

Kind translation_kind(const std::string& name) {
  const TransformerConfig config = small_config();
  if (name == "integer") return {name, config, IntegerScheme{1.0f / 300.0f}};
  if (name == "int8") return {name, config, small_plan(config)};
  return {name, config, std::monostate{}};
}

void check_team_threads() {
  fail_each(
      "team",
      [] {
        Team team(4);
        std::atomic<int> done = 0;
        team.run(8, [&](int) { ++done; });
        expect(done == 8, "those that run do the work");
      },
      [](bool) {});
}

bool same(const std::vector<std::vector<Hypothesis>>& a, const std::vector<std::vector<Hypothesis>>& b) {
  bool all = a.size() == b.size();
  for (std::size_t i = 0; all && i < a.size(); ++i) {
    all = !a[i].empty() && a[i].front().tokens == b[i].front().tokens &&
          a[i].front().score == b[i].front().score;
  }
  return all;
}

constexpr int kThreads = 3;
constexpr int kStreams = 2;

bool go_on() { return true; }

/// Three sentences, of which one has a term.
std::shared_ptr<Request> small_request(const TransformerConfig& config) {
  auto request = std::make_shared<Request>();
  request->sources = {{5, 6, 7, 8}, {9, 10}, {11, 12, 13, 14, 15, 16}};
  request->terms = {{}, {{.alternatives = {{20, 21}, {22}}}}, {}};
  const std::vector<std::int32_t> continuations{30};
  request->continuations = to_continuations(continuations, config);
  request->options.max_length = 6;
  request->options.no_repeat_ngram = 2;
  request->options.repetition_penalty = 1.2f;
  request->target_prefixes = {{}, {}, {23, 24}};
  request->alignments = true;
  request->deadline = Clock::now() + std::chrono::hours(1);
  return request;
}

std::unique_ptr<Engine> make_engine(const std::shared_ptr<const Transformer>& model) {
  const std::vector<AttentionHead> heads{{.layer = 1, .head = 0}};
  return std::make_unique<Engine>(model, nullptr, heads, kThreads, kStreams);
}

std::vector<std::vector<Hypothesis>> translate(Engine& engine, const TransformerConfig& config) {
  const auto request = small_request(config);
  engine.pool().translate(request, go_on, true);
  std::vector<std::vector<Hypothesis>> found;
  for (Request::Outcome& outcome : request->outcomes) found.push_back(std::move(outcome.hypotheses));
  return found;
}

void check_translation(const std::string& arithmetic) {
  const Kind kind = translation_kind(arithmetic);
  fail_each(arithmetic + ", load", [&] { kind.load(); }, [](bool) {});
  const auto model = kind.load();
  const auto expected = translate(*make_engine(model), kind.config);
  std::unique_ptr<Engine> engine;
  std::vector<std::vector<Hypothesis>> found;
  fail_each(
      arithmetic + ", translate",
      [&] {
        engine.reset();
        engine = make_engine(model);
        found = translate(*engine, kind.config);
      },
      [&](bool thrown) {
        if (engine == nullptr) return;
        if (thrown) found = translate(*engine, kind.config);
        expect(same(found, expected), "a translation is what it should be, after a failure too");
      });
}

void check_scores(const std::shared_ptr<const Transformer>& model) {
  const std::vector<ScoredText> texts{{{0, 5, 6, 7}, 3}, {{0, 8}, 1}, {{0, 9, 10, 11, 12, 13}, 2}};
  const auto expected = ScoringStreams(*model, kThreads, kStreams).score(texts, go_on);
  std::unique_ptr<ScoringStreams> engine;
  std::vector<std::vector<float>> found;
  fail_each(
      "score",
      [&] {
        engine.reset();
        engine = std::make_unique<ScoringStreams>(*model, kThreads, kStreams);
        found = engine->score(texts, go_on);
      },
      [&](bool thrown) {
        if (engine == nullptr) return;
        if (thrown) found = engine->score(texts, go_on);
        expect(found == expected, "scores are what they should be, after a failure too");
      });
}

/// Two texts of which one branches, and the token that is chosen after each row.
std::vector<std::int32_t> generate(TextSession& session, Sampler& sampler) {
  const auto width = static_cast<std::size_t>(session.model().config.target_vocab_size);
  std::vector<std::int32_t> chosen;
  std::vector<TextSession::Feed> feeds{{1, {{0, 0}}, true}, {2, {{0, 7}}, true}};
  for (int step = 0; step < 3; ++step) {
    const std::vector<float> logits = session.step(feeds);
    for (std::size_t row = 0; row * width < logits.size(); ++row)
      chosen.push_back(sampler.choose(std::span(logits).subspan(row * width, width), 0.5));
    feeds = {{1, {{0, chosen[0]}, {0, 9}}, true}, {2, {{0, chosen[1]}}, step == 0}};
  }
  session.end(1);
  session.end(2);
  return chosen;
}

void check_generation(const std::shared_ptr<const Transformer>& model) {
  const SamplingOptions options{.temperature = 0.7, .top_k = 20, .top_p = 0.9};
  TextSession whole(model, kThreads);
  Sampler sampler(options, {3});
  const std::vector<std::int32_t> expected = generate(whole, sampler);
  std::unique_ptr<TextSession> session;
  std::vector<std::int32_t> found;
  fail_each(
      "generate",
      [&] {
        session.reset();
        session = std::make_unique<TextSession>(model, kThreads);
        Sampler own(options, {3});
        found = generate(*session, own);
      },
      [&](bool thrown) {
        if (!thrown) expect(found == expected, "tokens are what they should be");
        if (!thrown || session == nullptr) return;
        try {  // a step that failed has fed some texts and others not: none may go on
          session->step({{1, {{0, 0}}, true}});
        } catch (const Error&) {
        }
      });
}

void check_language_model() {
  const Kind kind{"language model", language_config(), std::monostate{}};
  fail_each("language model, load", [&] { kind.load(); }, [](bool) {});
  const auto model = kind.load();
  check_scores(model);
  check_generation(model);
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  const std::pair<const char*, void (*)()> checks[] = {
      {"team", check_team_threads},
      {"float32", [] { check_translation("float32"); }},
      {"int8", [] { check_translation("int8"); }},
      {"integer", [] { check_translation("integer"); }},
      {"language model", check_language_model},
  };
  return run_checks(checks);
}
