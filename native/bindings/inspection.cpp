#include <nanobind/stl/string.h>

#include <set>
#include <string>

#include "base/errors.h"
#include "bindings/bindings.h"
#include "bindings/interpreter.h"
#include "bindings/python_values.h"
#include "decoding/forced.h"
#include "engine/checks.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

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
    if (must_give_way()) throw Interrupted();
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

nb::list logits(const PythonEngine& engine, nb::handle sources, nb::handle targets) {
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

nb::list attention(const PythonEngine& engine, nb::handle sources, nb::handle targets, nb::handle heads) {
  const CoreCall under_way;
  const Transformer& model = engine.model();
  const std::vector<AttentionHead> chosen = each(heads, attention_head);
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

void observe(const PythonEngine& engine, nb::handle sources, nb::handle targets, nb::callable visit,
             nb::handle only) {
  const CoreCall under_way;
  const Transformer& model = engine.model();
  if (model.precision != Precision::float32) throw Error("only a model that runs in float32 can be observed");
  const std::vector<ForcedPair> pairs = checked_pairs(model, sources, targets);
  PythonObserver observer(std::move(visit), only);
  const WithoutLock released;
  observe_forced(model, pairs, observer);
}

nb::list trace(const PythonEngine& engine, nb::handle source, nb::handle target) {
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

void bind_inspection(nb::class_<PythonEngine>& engine) {
  engine.def("logits", &logits, "sources"_a, "targets"_a)
      .def("attention", &attention, "sources"_a, "targets"_a, "heads"_a)
      .def("observe", &observe, "sources"_a, "targets"_a, "visit"_a, "only"_a)
      .def("trace", &trace, "source"_a, "target"_a);
}

}  // namespace octavo
