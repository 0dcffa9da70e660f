#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "base/errors.h"
#include "bindings/arrays.h"
#include "bindings/bindings.h"
#include "bindings/interruptible.h"
#include "decoding/sampling.h"
#include "engine/text_session.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

/// Of a text: its number, the row that each new row continues, their tokens, and whether logits are wanted.
using Fed = std::tuple<std::int64_t, std::vector<int>, std::vector<std::int32_t>, bool>;
using Logits = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Uniforms = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::list score(Engine& engine, const std::vector<Tokens>& texts, const std::vector<std::int64_t>& counts) {
  if (texts.size() != counts.size()) throw Error("there must be as many counts as texts");
  std::vector<ScoredText> checked;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (counts[i] < 0) throw Error("a count of tokens to score is negative");
    checked.push_back({to_vector(texts[i]), static_cast<std::size_t>(counts[i])});
  }
  std::vector<std::vector<float>> scores;
  interruptible([&](const KeepGoing& keep_going) { scores = engine.score(checked, keep_going); });
  nb::list all;
  for (const std::vector<float>& own : scores) all.append(to_numpy(own, {own.size()}));
  return all;
}

nb::object step(TextSession& session, const std::vector<Fed>& fed) {
  std::vector<TextSession::Feed> feeds;
  for (const auto& [text, parents, tokens, wanted] : fed) {
    if (parents.size() != tokens.size()) throw Error("there must be as many tokens as parents");
    TextSession::Feed& feed = feeds.emplace_back(TextSession::Feed{text, {}, wanted});
    for (std::size_t i = 0; i < parents.size(); ++i) feed.rows.push_back({parents[i], tokens[i]});
  }
  std::vector<float> logits;
  {
    const nb::gil_scoped_release release;
    logits = session.step(feeds);
  }
  const auto width = static_cast<std::size_t>(session.model().config.target_vocab_size);
  return to_numpy(logits, {logits.size() / width, width});
}

nb::object choose(Sampler& sampler, const Logits& logits, const Uniforms& uniforms) {
  if (logits.shape(0) != uniforms.shape(0)) throw Error("there must be a uniform number for each row");
  const std::size_t width = logits.shape(1);
  std::vector<std::int32_t> tokens;
  for (std::size_t r = 0; r < logits.shape(0); ++r) {
    tokens.push_back(sampler.choose(std::span(logits.data() + r * width, width), uniforms.data()[r]));
  }
  return to_numpy(tokens, {tokens.size()});
}

}  // namespace

void bind_language(nb::module_& module, nb::class_<Engine>& engine) {
  engine.def("score", &score, "texts"_a, "counts"_a);
  nb::class_<TextSession>(module, "TextSession")
      .def(
          "__init__",
          [](TextSession* self, const Engine& model) {
            new (self) TextSession(model.shared_model(), model.threads());
          },
          "engine"_a)
      .def("step", &step, "feeds"_a)
      .def("end", &TextSession::end, "text"_a, nb::call_guard<nb::gil_scoped_release>());
  nb::class_<Sampler>(module, "Sampler")
      .def(
          "__init__",
          [](Sampler* self, double temperature, int top_k, double top_p,
             std::vector<std::int32_t> suppressed) {
            new (self)
                Sampler({.temperature = temperature, .top_k = top_k, .top_p = top_p}, std::move(suppressed));
          },
          "temperature"_a, "top_k"_a, "top_p"_a, "suppressed"_a)
      .def("choose", &choose, "logits"_a, "uniforms"_a);
}

}  // namespace octavo
