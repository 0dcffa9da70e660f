#include "engine/engine.h"

#include <nanobind/stl/string.h>

#include <optional>
#include <set>

#include "base/errors.h"
#include "bindings/bindings.h"
#include "bindings/interpreter.h"
#include "bindings/python_values.h"
#include "decoding/forced.h"
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

void load(Engine* self, const TransformerConfig& config, nb::handle arithmetic, nb::callable fetch,
          int threads, int streams, const char* isa, nb::handle shortlist) {
  const CoreCall under_way;
  PythonTensors tensors(std::move(fetch));
  const KernelTable& kernels = *isa == '\0' ? active_kernels() : kernels_named(isa);
  auto model = std::make_shared<const Transformer>(
      Transformer::load(config, to_arithmetic(arithmetic), kernels, tensors));
  auto candidates = load_shortlist(*model, shortlist);
  new (self) Engine(std::move(model), std::move(candidates), threads, streams);
}

std::vector<ForcedPair> checked_pairs(const Transformer& model, nb::handle sources, nb::handle targets) {
  std::vector<std::vector<std::int32_t>> from = each(sources, token_ids);
  std::vector<std::vector<std::int32_t>> to = each(targets, token_ids);
  if (from.size() != to.size()) throw Error("there must be as many targets as sources");
  std::vector<ForcedPair> pairs;
  for (std::size_t i = 0; i < from.size(); ++i) {
    check_source(model.config, from[i]);
    check_target(model.config, to[i]);
    pairs.push_back({std::move(from[i]), std::move(to[i])});
  }
  return pairs;
}

/// Hands the rows of every site to a Python function.
class PythonObserver : public Observer {
 public:
  PythonObserver(nb::callable visit, nb::handle only) : visit_(std::move(visit)) {
    for (const nb::handle site : only) only_.insert(text(site));
  }

  void observe(const std::string& site, const float* x, int rows, int width, std::ptrdiff_t stride) override {
    if (!only_.empty() && !only_.contains(site)) return;
    if (must_give_way()) throw Cancelled();
    const nb::gil_scoped_acquire acquire;
    std::vector<float> packed;
    for (std::ptrdiff_t r = 0; r < rows; ++r)
      packed.insert(packed.end(), x + r * stride, x + r * stride + width);
    visit_(site, to_numpy(packed, rows, width));
  }

 private:
  nb::callable visit_;
  std::set<std::string> only_;  // empty: every site
};

AttentionHead to_head(nb::handle pair) {
  return {.layer = number<int>(pair[0]), .head = number<int>(pair[1])};
}

/// terms: None, or for every source its terms, each alternatives and whether they are whole words.
std::vector<std::vector<Term>> to_terms(nb::handle terms) {
  if (terms.is_none()) return {};
  const auto to_term = [](nb::handle term) {
    return Term{.alternatives = each(term[0], token_ids), .whole_words = nb::cast<bool>(term[1])};
  };
  return each(terms, [&](nb::handle source) { return each(source, to_term); });
}

/// alignment: the heads that align, layer and head of each; none: no alignments.
nb::list translate(Engine& engine, nb::handle sources, SearchOptions options, nb::handle terms,
                   nb::handle continuations, nb::handle alignment) {
  const CoreCall under_way;
  options.alignment = each(alignment, to_head);
  const std::vector<std::vector<std::int32_t>> copied = each(sources, token_ids);
  const std::vector<std::vector<Term>> wanted = to_terms(terms);
  const std::vector<std::int32_t> continuing = token_ids(continuations);
  std::vector<std::vector<Hypothesis>> results;
  interruptible([&](const KeepGoing& keep_going) {
    results = engine.translate(copied, wanted, continuing, options, keep_going);
  });
  nb::list all;
  for (const auto& hypotheses : results) {
    nb::list found;
    for (const Hypothesis& hypothesis : hypotheses) {
      const std::size_t length = hypothesis.tokens.size();
      const std::size_t positions = hypothesis.attention.size() / std::max<std::size_t>(1, length);
      found.append(nb::make_tuple(
          to_numpy(hypothesis.tokens), hypothesis.score, hypothesis.complete,
          options.alignment.empty() ? nb::none() : to_numpy(hypothesis.attention, length, positions)));
    }
    all.append(found);
  }
  return all;
}

nb::list logits(const Engine& engine, nb::handle sources, nb::handle targets) {
  const CoreCall under_way;
  const Transformer& model = engine.model();
  const std::vector<ForcedPair> pairs = checked_pairs(model, sources, targets);
  std::vector<std::vector<float>> found;
  {
    const WithoutLock released;
    found = forced_logits(model, pairs);
  }
  nb::list all;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    all.append(to_numpy(found[i], pairs[i].target.size() + 1, model.config.target_vocab_size));
  return all;
}

nb::list attention(const Engine& engine, nb::handle sources, nb::handle targets, nb::handle heads) {
  const CoreCall under_way;
  const Transformer& model = engine.model();
  const std::vector<AttentionHead> chosen = each(heads, to_head);
  for (const AttentionHead& head : chosen) check_head(model.config, head);
  const std::vector<ForcedPair> pairs = checked_pairs(model, sources, targets);
  std::vector<std::vector<std::uint8_t>> found;
  {
    const WithoutLock released;
    found = forced_attention(model, pairs, chosen);
  }
  nb::list all;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const std::size_t source = pairs[i].source.size() + (model.config.source_eos ? 1 : 0);
    all.append(to_numpy(found[i], chosen.size(), pairs[i].target.size() + 1, source));
  }
  return all;
}

void observe(const Engine& engine, nb::handle sources, nb::handle targets, nb::callable visit,
             nb::handle only) {
  const CoreCall under_way;
  const Transformer& model = engine.model();
  if (model.precision != Precision::float32) throw Error("only a model that runs in float32 can be observed");
  const std::vector<ForcedPair> pairs = checked_pairs(model, sources, targets);
  PythonObserver observer(std::move(visit), only);
  const WithoutLock released;
  observe_forced(model, pairs, observer);
}

nb::list trace(const Engine& engine, nb::handle source, nb::handle target) {
  const CoreCall under_way;
  const Transformer& model = engine.model();
  if (model.precision == Precision::float32) throw Error("only int8 and integer products can be traced");
  const std::vector<ForcedPair> pairs = checked_pairs(model, nb::make_tuple(source), nb::make_tuple(target));
  Trace products;
  {
    const WithoutLock released;
    forced_logits(model, pairs, &products);
  }
  nb::list all;
  for (const ProductTrace& product : products) {
    all.append(nb::make_tuple(product.name, to_numpy(product.input, product.rows, product.inner),
                              to_numpy(product.row_scale),
                              to_numpy(product.sums, product.rows, product.columns)));
  }
  return all;
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<Engine> engine(module, "Engine");
  engine
      .def("__init__", &load, "config"_a, "arithmetic"_a.none(), "fetch"_a, "threads"_a, "streams"_a, "isa"_a,
           "shortlist"_a.none())
      .def("translate", &translate, "sources"_a, "options"_a, "terms"_a.none(), "continuations"_a,
           "alignment"_a)
      .def("logits", &logits, "sources"_a, "targets"_a)
      .def("attention", &attention, "sources"_a, "targets"_a, "heads"_a)
      .def("observe", &observe, "sources"_a, "targets"_a, "visit"_a, "only"_a)
      .def("trace", &trace, "source"_a, "target"_a)
      .def("after_fork", &Engine::after_fork)
      .def_prop_ro("isa", [](const Engine& engine) { return std::string(engine.model().kernels.name); })
      .def_prop_ro("threads", &Engine::threads);
  bind_language(module, engine);
}

}  // namespace octavo
