#include "base/errors.h"
#include "bindings/bindings.h"
#include "bindings/interpreter.h"
#include "bindings/python_values.h"
#include "decoding/sampling.h"
#include "engine/text_session.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

nb::list score(PythonEngine& engine, nb::handle texts, nb::handle counts) {
  const CoreCall under_way;
  std::vector<std::vector<std::int32_t>> tokens = each(texts, token_ids);
  const auto scored = numbers<std::int64_t>(counts);
  if (tokens.size() != scored.size()) throw Error("there must be as many counts as texts");
  std::vector<ScoredText> checked;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (scored[i] < 0) throw Error("a count of tokens to score is negative");
    checked.push_back({std::move(tokens[i]), static_cast<std::size_t>(scored[i])});
  }
  std::vector<std::vector<float>> scores;
  interruptible(true,
                [&](const KeepGoing& keep_going) { scores = engine.scoring().score(checked, keep_going); });
  nb::list all;
  for (const std::vector<float>& own : scores) all.append(to_numpy(own));
  return all;
}

/// Of a text: its number, the row that each new row continues, their tokens, and whether logits are wanted.
TextSession::Feed to_feed(nb::handle fed) {
  const auto parents = numbers<int>(fed[1]);
  const auto tokens = numbers<std::int32_t>(fed[2]);
  if (parents.size() != tokens.size()) throw Error("there must be as many tokens as parents");
  TextSession::Feed feed{number<std::int64_t>(fed[0]), {}, number<bool>(fed[3])};
  for (std::size_t i = 0; i < parents.size(); ++i) feed.rows.push_back({parents[i], tokens[i]});
  return feed;
}

nb::object step(TextSession& session, nb::handle fed) {
  const CoreCall under_way;
  const std::vector<TextSession::Feed> feeds = each(fed, to_feed);
  std::vector<float> logits;
  {
    const WithoutLock released;
    logits = session.step(feeds);
  }
  const auto width = static_cast<std::size_t>(session.model().config.target_vocab_size);
  return to_numpy(logits, logits.size() / width, width);
}

void end(TextSession& session, std::int64_t text) {
  const CoreCall under_way;
  const WithoutLock released;
  session.end(text);
}

nb::object choose(Sampler& sampler, nb::handle logits, nb::handle uniforms) {
  const ArrayView rows(logits);
  const ArrayView draws(uniforms);
  const float* row = rows.elements<float>(2);
  const double* uniform = draws.elements<double>(1);
  if (rows.extent(0) != draws.size()) throw Error("there must be a uniform number for each row");
  const std::size_t width = rows.extent(1);
  std::vector<std::int32_t> tokens;
  for (std::size_t r = 0; r < draws.size(); ++r)
    tokens.push_back(sampler.choose(std::span(row + r * width, width), uniform[r]));
  return to_numpy(tokens);
}

}  // namespace

void bind_language(nb::module_& module, nb::class_<PythonEngine>& engine) {
  engine.def("score", &score, "texts"_a, "counts"_a);
  nb::class_<TextSession>(module, "TextSession")
      .def(
          "__init__",
          [](TextSession* self, const PythonEngine& model) {
            new (self) TextSession(model.shared_model(), model.threads());
          },
          "engine"_a)
      .def("step", &step, "feeds"_a)
      .def("end", &end, "text"_a)
      .def("after_fork", &TextSession::after_fork);
  nb::class_<Sampler>(module, "Sampler")
      .def(
          "__init__",
          [](Sampler* self, double temperature, int top_k, double top_p, nb::handle suppressed) {
            new (self) Sampler({.temperature = temperature, .top_k = top_k, .top_p = top_p},
                               numbers<std::int32_t>(suppressed));
          },
          "temperature"_a, "top_k"_a, "top_p"_a, "suppressed"_a)
      .def("choose", &choose, "logits"_a, "uniforms"_a);
}

}  // namespace octavo
