#include "engine/engine.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "base/errors.h"
#include "bindings/bindings.h"
#include "decoding/forced.h"
#include "kernels/registry.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

using Tokens = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Array = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;

/// Tensors that a Python function hands over by name, one at a time.
class PythonTensors : public TensorSource {
 public:
  explicit PythonTensors(nb::callable fetch) : fetch_(std::move(fetch)) {}

  TensorView tensor(const std::string& name) override {
    current_ = nb::cast<Array>(fetch_(name));
    if (current_.dtype() == nb::dtype<float>()) {
      return {.f32 = static_cast<const float*>(current_.data()), .s8 = nullptr, .size = current_.size()};
    }
    if (current_.dtype() == nb::dtype<std::int8_t>()) {
      return {
          .f32 = nullptr, .s8 = static_cast<const std::int8_t*>(current_.data()), .size = current_.size()};
    }
    throw Error("tensor '" + name + "' is neither float32 nor int8");
  }

 private:
  nb::callable fetch_;
  Array current_;
};

template <typename T>
nb::object to_numpy(const std::vector<T>& values, std::initializer_list<std::size_t> shape) {
  auto copy = std::make_unique<T[]>(values.empty() ? 1 : values.size());
  std::copy(values.begin(), values.end(), copy.get());
  nb::capsule owner(copy.get(), [](void* p) noexcept { delete[] static_cast<T*>(p); });
  T* data = copy.release();
  return nb::cast(nb::ndarray<nb::numpy, T>(data, shape, owner));
}

std::vector<std::int32_t> to_vector(const Tokens& tokens) {
  return {tokens.data(), tokens.data() + tokens.size()};
}

std::shared_ptr<const Transformer> load_model(const TransformerConfig& config, Precision precision,
                                              nb::callable fetch, const std::string& isa) {
  PythonTensors tensors(std::move(fetch));
  const KernelTable& kernels = isa.empty() ? active_kernels() : kernels_named(isa);
  return std::make_shared<const Transformer>(Transformer::load(config, precision, kernels, tensors));
}

nb::list translate(Engine& engine, const std::vector<Tokens>& sources, const SearchOptions& options) {
  std::vector<std::vector<std::int32_t>> copied;
  for (const Tokens& source : sources) copied.push_back(to_vector(source));
  std::vector<std::vector<Hypothesis>> results;
  try {
    const nb::gil_scoped_release release;
    results = engine.translate(copied, options, [] {
      const nb::gil_scoped_acquire acquire;
      return PyErr_CheckSignals() == 0;
    });
  } catch (const Cancelled&) {
    throw nb::python_error();
  }
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

nb::object logits(const Engine& engine, const Tokens& source, const Tokens& target) {
  const auto source_tokens = to_vector(source);
  const auto target_tokens = to_vector(target);
  const Transformer& model = engine.model();
  check_source(model.config, source_tokens);
  check_target(model.config, target_tokens);
  std::vector<float> values;
  {
    const nb::gil_scoped_release release;
    values = forced_logits(model, source_tokens, target_tokens);
  }
  return to_numpy(values,
                  {target_tokens.size() + 1, static_cast<std::size_t>(model.config.target_vocab_size)});
}

nb::list trace(const Engine& engine, const Tokens& source, const Tokens& target) {
  const auto source_tokens = to_vector(source);
  const auto target_tokens = to_vector(target);
  const Transformer& model = engine.model();
  check_source(model.config, source_tokens);
  check_target(model.config, target_tokens);
  if (model.precision != Precision::int8) throw Error("only int8 products can be traced");
  Trace products;
  {
    const nb::gil_scoped_release release;
    forced_logits(model, source_tokens, target_tokens, &products);
  }
  nb::list all;
  for (const ProductTrace& product : products) {
    const auto rows = static_cast<std::size_t>(product.rows);
    all.append(nb::make_tuple(product.name,
                              to_numpy(product.input, {rows, static_cast<std::size_t>(product.inner)}),
                              to_numpy(product.row_scale, {rows}),
                              to_numpy(product.sums, {rows, static_cast<std::size_t>(product.columns)})));
  }
  return all;
}

}  // namespace

void bind_engine(nb::module_& module) {
  nb::class_<Engine>(module, "Engine")
      .def(
          "__init__",
          [](Engine* self, const TransformerConfig& config, Precision precision, nb::callable fetch,
             int threads, const std::string& isa) {
            new (self) Engine(load_model(config, precision, std::move(fetch), isa), threads);
          },
          "config"_a, "precision"_a, "fetch"_a, "threads"_a, "isa"_a)
      .def("translate", &translate, "sources"_a, "options"_a)
      .def("logits", &logits, "source"_a, "target"_a)
      .def("trace", &trace, "source"_a, "target"_a)
      .def_prop_ro("isa", [](const Engine& engine) { return std::string(engine.model().kernels.name); })
      .def_prop_ro("threads", &Engine::threads);
}

}  // namespace octavo
