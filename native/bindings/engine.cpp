#include "engine/engine.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/set.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include "base/errors.h"
#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/interruptible.h"
#include "decoding/forced.h"
#include "kernels/registry.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

/// Tensors that a Python function hands over by name, one at a time.
class PythonTensors : public TensorSource {
 public:
  explicit PythonTensors(nb::callable fetch) : fetch_(std::move(fetch)) {}

  TensorView tensor(const std::string& name) override {
    current_ = nb::cast<Array>(fetch_(name));
    TensorView view{.size = current_.size()};
    const bool known = holds(view.f32) || holds(view.s8) || holds(view.s16) || holds(view.s32);
    if (!known) throw Error("tensor '" + name + "' is neither float32 nor int8, int16 or int32");
    return view;
  }

 private:
  /// Points at the array's elements if they are of this type.
  template <typename T>
  bool holds(const T*& elements) const {
    if (current_.dtype() != nb::dtype<T>()) return false;
    elements = static_cast<const T*>(current_.data());
    return true;
  }

  nb::callable fetch_;
  Array current_;
};

std::shared_ptr<const Transformer> load_model(const TransformerConfig& config, const Arithmetic& arithmetic,
                                              nb::callable fetch, const std::string& isa) {
  PythonTensors tensors(std::move(fetch));
  const KernelTable& kernels = isa.empty() ? active_kernels() : kernels_named(isa);
  return std::make_shared<const Transformer>(Transformer::load(config, arithmetic, kernels, tensors));
}

/// shortlist: the common tokens, and every source token's by offsets and tokens.
std::unique_ptr<const Shortlist> load_shortlist(
    const Transformer& model, const std::optional<std::tuple<Tokens, Tokens, Tokens>>& shortlist) {
  if (!shortlist.has_value()) return nullptr;
  const auto& [common, offsets, tokens] = *shortlist;
  return std::make_unique<const Shortlist>(
      model, CandidateLists{
                 .common = to_vector(common), .offsets = to_vector(offsets), .tokens = to_vector(tokens)});
}

std::vector<ForcedPair> checked_pairs(const Transformer& model, const std::vector<Tokens>& sources,
                                      const std::vector<Tokens>& targets) {
  if (sources.size() != targets.size()) throw Error("there must be as many targets as sources");
  std::vector<ForcedPair> pairs;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    pairs.push_back({to_vector(sources[i]), to_vector(targets[i])});
    check_source(model.config, pairs.back().source);
    check_target(model.config, pairs.back().target);
  }
  return pairs;
}

/// Hands the rows of every site to a Python function.
class PythonObserver : public Observer {
 public:
  PythonObserver(nb::callable visit, std::set<std::string> only)
      : visit_(std::move(visit)), only_(std::move(only)) {}

  void observe(const std::string& site, const float* x, int rows, int width, std::ptrdiff_t stride) override {
    if (!only_.empty() && !only_.contains(site)) return;
    const nb::gil_scoped_acquire acquire;
    std::vector<float> packed;
    for (std::ptrdiff_t r = 0; r < rows; ++r)
      packed.insert(packed.end(), x + r * stride, x + r * stride + width);
    visit_(site, to_numpy(packed, {static_cast<std::size_t>(rows), static_cast<std::size_t>(width)}));
  }

 private:
  nb::callable visit_;
  std::set<std::string> only_;  // empty: every site
};

nb::list translate(Engine& engine, const std::vector<Tokens>& sources, const SearchOptions& options) {
  std::vector<std::vector<std::int32_t>> copied;
  for (const Tokens& source : sources) copied.push_back(to_vector(source));
  std::vector<std::vector<Hypothesis>> results;
  interruptible(
      [&](const KeepGoing& keep_going) { results = engine.translate(copied, options, keep_going); });
  nb::list all;
  for (const auto& hypotheses : results) {
    nb::list found;
    for (const Hypothesis& hypothesis : hypotheses) {
      found.append(nb::make_tuple(to_numpy(hypothesis.tokens, {hypothesis.tokens.size()}), hypothesis.score,
                                  hypothesis.complete));
    }
    all.append(found);
  }
  return all;
}

nb::list logits(const Engine& engine, const std::vector<Tokens>& sources,
                const std::vector<Tokens>& targets) {
  const Transformer& model = engine.model();
  const std::vector<ForcedPair> pairs = checked_pairs(model, sources, targets);
  std::vector<std::vector<float>> found;
  {
    const nb::gil_scoped_release release;
    found = forced_logits(model, pairs);
  }
  nb::list all;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    all.append(to_numpy(
        found[i], {pairs[i].target.size() + 1, static_cast<std::size_t>(model.config.target_vocab_size)}));
  }
  return all;
}

void observe(const Engine& engine, const std::vector<Tokens>& sources, const std::vector<Tokens>& targets,
             nb::callable visit, std::set<std::string> only) {
  const Transformer& model = engine.model();
  if (model.precision != Precision::float32) throw Error("only a model that runs in float32 can be observed");
  const std::vector<ForcedPair> pairs = checked_pairs(model, sources, targets);
  PythonObserver observer(std::move(visit), std::move(only));
  const nb::gil_scoped_release release;
  observe_forced(model, pairs, observer);
}

nb::list trace(const Engine& engine, const Tokens& source, const Tokens& target) {
  const Transformer& model = engine.model();
  if (model.precision == Precision::float32) throw Error("only int8 and integer products can be traced");
  const std::vector<ForcedPair> pairs = checked_pairs(model, {source}, {target});
  Trace products;
  {
    const nb::gil_scoped_release release;
    forced_logits(model, pairs, &products);
  }
  nb::list all;
  for (const ProductTrace& product : products) {
    const auto rows = static_cast<std::size_t>(product.rows);
    all.append(nb::make_tuple(product.name,
                              to_numpy(product.input, {rows, static_cast<std::size_t>(product.inner)}),
                              to_numpy(product.row_scale, {product.row_scale.size()}),
                              to_numpy(product.sums, {rows, static_cast<std::size_t>(product.columns)})));
  }
  return all;
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<Engine> engine(module, "Engine");
  engine
      .def(
          "__init__",
          [](Engine* self, const TransformerConfig& config, const Arithmetic& arithmetic, nb::callable fetch,
             int threads, int streams, const std::string& isa,
             const std::optional<std::tuple<Tokens, Tokens, Tokens>>& shortlist) {
            std::shared_ptr<const Transformer> model = load_model(config, arithmetic, std::move(fetch), isa);
            std::unique_ptr<const Shortlist> candidates = load_shortlist(*model, shortlist);
            new (self) Engine(std::move(model), std::move(candidates), threads, streams);
          },
          "config"_a, "arithmetic"_a.none(), "fetch"_a, "threads"_a, "streams"_a, "isa"_a,
          "shortlist"_a.none())
      .def("translate", &translate, "sources"_a, "options"_a)
      .def("logits", &logits, "sources"_a, "targets"_a)
      .def("observe", &observe, "sources"_a, "targets"_a, "visit"_a, "only"_a)
      .def("trace", &trace, "source"_a, "target"_a)
      .def_prop_ro("isa", [](const Engine& engine) { return std::string(engine.model().kernels.name); })
      .def_prop_ro("threads", &Engine::threads);
  bind_language(module, engine);
}

}  // namespace octavo
