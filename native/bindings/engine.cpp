#include "engine/engine.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "base/errors.h"
#include "bindings/bindings.h"
#include "bindings/interpreter.h"
#include "bindings/python_values.h"
#include "engine/checks.h"
#include "kernels/registry.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

/// Tensors that a Python function hands over by name, one at a time.
class PythonTensors : public TensorSource {
 public:
  explicit PythonTensors(nb::callable fetch) : fetch_(std::move(fetch)) {}

  TensorView tensor(const std::string& name) override {
    give_way();
    const ArrayView& array = current_.emplace(fetch_(name));
    const TensorView view{.f32 = array.elements<float>(),
                          .s8 = array.elements<std::int8_t>(),
                          .s16 = array.elements<std::int16_t>(),
                          .s32 = array.elements<std::int32_t>(),
                          .size = array.size()};
    if (view.f32 == nullptr && view.s8 == nullptr && view.s16 == nullptr && view.s32 == nullptr)
      throw Error("tensor '" + name + "' is neither float32 nor int8, int16 or int32");
    return view;
  }

 private:
  nb::callable fetch_;
  std::optional<ArrayView> current_;
};

/// None, a plan, or the scheme of integers.
Arithmetic to_arithmetic(nb::handle value) {
  if (value.is_none()) return std::monostate{};
  if (nb::isinstance<IntegerScheme>(value)) return nb::cast<const IntegerScheme&>(value);
  return nb::cast<const QuantizationPlan&>(value);
}

/// shortlist: None, or the common tokens, and every source token's by offsets and tokens.
std::unique_ptr<const Shortlist> load_shortlist(const Transformer& model, nb::handle shortlist) {
  if (shortlist.is_none()) return nullptr;
  return std::make_unique<const Shortlist>(model, CandidateLists{.common = token_ids(shortlist[0]),
                                                                 .offsets = token_ids(shortlist[1]),
                                                                 .tokens = token_ids(shortlist[2])});
}

void load(PythonEngine* self, const TransformerConfig& config, nb::handle arithmetic, nb::callable fetch,
          nb::handle heads, int threads, int streams, const char* isa, nb::handle shortlist) {
  const CoreCall under_way;
  PythonTensors tensors(std::move(fetch));
  const KernelTable& kernels = *isa == '\0' ? active_kernels() : kernels_named(isa);
  auto model = std::make_shared<const Transformer>(
      Transformer::load(config, to_arithmetic(arithmetic), kernels, tensors));
  auto candidates = load_shortlist(*model, shortlist);
  new (self)
      PythonEngine(std::move(model), std::move(candidates), each(heads, attention_head), threads, streams);
}

/// terms: None, or for every source its terms, each alternatives and whether they are whole words.
std::vector<std::vector<Term>> to_terms(nb::handle terms) {
  if (terms.is_none()) return {};
  const auto to_term = [](nb::handle term) {
    return Term{.alternatives = each(term[0], token_ids), .whole_words = nb::cast<bool>(term[1])};
  };
  return each(terms, [&](nb::handle source) { return each(source, to_term); });
}

/// What Python holds of a request. Its address, `key`, names it.
struct HeldRequest {
  std::shared_ptr<Request> request;

  std::uintptr_t key() const { return reinterpret_cast<std::uintptr_t>(request.get()); }

  /// The hypotheses of a sentence that has ended, which are gone afterwards. Throws why there are none.
  nb::list take(std::size_t sentence) const {
    Request::Outcome outcome = std::move(request->outcomes.at(sentence));
    if (outcome.failure) std::rethrow_exception(outcome.failure);
    nb::list found;
    for (const Hypothesis& hypothesis : outcome.hypotheses) {
      const std::size_t length = hypothesis.tokens.size();
      const std::size_t positions =
          length == 0 ? request->tokens_of(sentence) : hypothesis.attention.size() / length;
      found.append(nb::make_tuple(
          to_numpy(hypothesis.tokens), hypothesis.score, hypothesis.complete,
          request->alignments ? to_numpy(hypothesis.attention, length, positions) : nb::none()));
    }
    return found;
  }
};

/// target_prefixes: None, or for every source the tokens that its translations begin with.
/// priority: 0 and up, the most urgent last; seconds: until its deadline, or None.
HeldRequest make_request(PythonEngine& engine, nb::handle sources, const SearchOptions& options,
                         nb::handle terms, nb::handle continuations, nb::handle target_prefixes,
                         bool alignments, int priority, nb::handle seconds) {
  engine.pool();  // a language model has none
  const TransformerConfig& config = engine.model().config;
  auto request = std::make_shared<Request>();
  request->sources = each(sources, token_ids);
  request->terms = to_terms(terms);
  request->continuations = to_continuations(token_ids(continuations), config);
  if (!target_prefixes.is_none()) request->target_prefixes = each(target_prefixes, token_ids);
  request->options = options;
  request->alignments = alignments;
  request->priority = static_cast<Priority>(std::clamp(priority, 0, static_cast<int>(kPriorities) - 1));
  if (!seconds.is_none()) {
    const std::chrono::duration<double> left(number<double>(seconds));
    request->deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(left);
  }
  check_request(config, *request);
  return {std::move(request)};
}

void translate(PythonEngine& engine, const HeldRequest& held, bool polls) {
  const CoreCall under_way;
  interruptible(
      polls, [&](const KeepGoing& keep_going) { engine.pool().translate(held.request, keep_going, polls); });
}

bool submit(PythonEngine& engine, const HeldRequest& held, std::size_t most_tokens) {
  const CoreCall under_way;
  if (python_exits()) throw Error("Python exits, and nobody is there to collect what is submitted");
  // With Python's lock: to give it up and get it back takes longer than this does, and nobody who holds the
  // pool's waits for Python's.
  return engine.pool().submit(held.request, most_tokens);
}

/// A request's key and the sentences of it that have ended; None: there is no more to come.
nb::object collect(PythonEngine& engine) {
  const CoreCall under_way;
  TranslationPool::Collected collected;
  {
    const WithoutLock released;
    collected = engine.pool().collect([] { return !must_give_way(); });
  }
  if (collected.request == nullptr) return nb::none();
  nb::list sentences;
  for (const std::size_t sentence : collected.sentences) sentences.append(nb::int_(sentence));
  return nb::make_tuple(HeldRequest{collected.request}.key(), sentences);
}

nb::tuple activity(PythonEngine& engine) {
  const Activity now = engine.pool().activity();
  return nb::make_tuple(now.waiting_sentences, now.waiting_tokens, now.sentences_under_way, now.rows_in_use,
                        now.rows, now.steps, now.sentences, now.source_tokens, now.target_tokens);
}

}  // namespace

AttentionHead attention_head(nb::handle pair) {
  return {.layer = number<int>(pair[0]), .head = number<int>(pair[1])};
}

void bind_engine(nb::module_& module) {
  nb::exception<Cancelled>(module, "Cancelled");
  nb::exception<TooLate>(module, "TooLate");
  nb::class_<HeldRequest>(module, "Request")
      .def_prop_ro("key", &HeldRequest::key)
      .def("take", &HeldRequest::take, "sentence"_a);
  nb::class_<PythonEngine> engine(module, "Engine");
  engine
      .def("__init__", &load, "config"_a, "arithmetic"_a.none(), "fetch"_a, "heads"_a, "threads"_a,
           "streams"_a, "isa"_a, "shortlist"_a.none())
      .def("request", &make_request, "sources"_a, "options"_a, "terms"_a.none(), "continuations"_a,
           "target_prefixes"_a.none(), "alignments"_a, "priority"_a, "seconds"_a.none())
      .def("translate", &translate, "request"_a, "polls"_a)
      .def("submit", &submit, "request"_a, "most_tokens"_a)
      .def("collect", &collect)
      .def("finish_collecting", [](PythonEngine& engine) { engine.pool().finish_collecting(); })
      .def(
          "cancel",
          [](PythonEngine& engine, const HeldRequest& held) { engine.pool().cancel(*held.request); },
          "request"_a)
      .def(
          "cancel",
          [](PythonEngine& engine, const HeldRequest& held, std::size_t sentence) {
            engine.pool().cancel(*held.request, sentence);
          },
          "request"_a, "sentence"_a)
      .def("activity", &activity)
      .def("after_fork", [](PythonEngine& engine) { engine.after_fork(); })
      .def_prop_ro("isa", [](const PythonEngine& engine) { return std::string(engine.model().kernels.name); })
      .def_prop_ro("threads", [](const PythonEngine& engine) { return engine.threads(); });
  bind_inspection(engine);
  bind_language(module, engine);
}

}  // namespace octavo
