#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <type_traits>

#include "base/errors.h"
#include "bindings/bindings.h"
#include "bindings/python_values.h"
#include "decoding/search.h"
#include "model/transformer.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

/// An option of a configuration as Python has it. Throws Error where the engine has no such value.
template <typename T>
T option(nb::handle config, const char* name) {
  const nb::object value = config.attr(name);
  if constexpr (std::is_enum_v<T>) {
    const std::string found = text(value);
    for (const auto& [word, named] : words(T{})) {
      if (word == found) return named;
    }
    throw Error(std::string(name) + " = " + found + ": this version's engine does not compute it");
  } else if constexpr (std::is_arithmetic_v<T>) {
    return number<T>(value);
  } else {
    return numbers<typename T::value_type>(value);
  }
}

/// Reads a ModelConfig.
void make_config(TransformerConfig* self, nb::handle config) {
  TransformerConfig made;
#define OCTAVO_OPTION(type, name, value) made.name = option<type>(config, #name);
#include "model/config_options.def"
#undef OCTAVO_OPTION
  new (self) TransformerConfig(std::move(made));
}

/// The names of the options that the engine reads.
std::vector<std::string> option_names() {
  return {
#define OCTAVO_OPTION(type, name, value) #name,
#include "model/config_options.def"
#undef OCTAVO_OPTION
  };
}

/// float32: names; inputs: (scale, zero point, narrow range) by name; heads: lists of scales by name.
void make_plan(QuantizationPlan* self, nb::handle float32, nb::dict inputs, nb::dict heads) {
  QuantizationPlan plan;
  for (const nb::handle product : float32) plan.float32.insert(text(product));
  for (const auto& [site, scale] : inputs) {
    plan.inputs[text(site)] = {.scale = number<float>(scale[0]),
                               .zero_point = number<int>(scale[1]),
                               .narrow_range = number<bool>(scale[2])};
  }
  for (const auto& [site, scales] : heads) plan.heads[text(site)] = numbers<float>(scales);
  new (self) QuantizationPlan(std::move(plan));
}

}  // namespace

void bind_config(nb::module_& module) {
  nb::class_<QuantizationPlan>(module, "QuantizationPlan")
      .def("__init__", &make_plan, "float32"_a, "inputs"_a, "heads"_a);
  nb::class_<IntegerScheme>(module, "IntegerScheme")
      .def(
          "__init__",
          [](IntegerScheme* self, float logit_step) { new (self) IntegerScheme{.logit_step = logit_step}; },
          "logit_step"_a);
  nb::class_<TransformerConfig>(module, "TransformerConfig").def("__init__", &make_config, "config"_a);
  module.def("config_options", &option_names);
  nb::enum_<Stop>(module, "Stop")
      .value("full", Stop::full)
      .value("heuristic", Stop::heuristic)
      .value("exhaustive", Stop::exhaustive)
      .value("shrinking", Stop::shrinking);
  nb::class_<SearchOptions>(module, "SearchOptions")
      .def(nb::init<>())
      .def_rw("beam", &SearchOptions::beam)
      .def_rw("nbest", &SearchOptions::nbest)
      .def_rw("length_penalty", &SearchOptions::length_penalty)
      .def_rw("min_length", &SearchOptions::min_length)
      .def_rw("max_length", &SearchOptions::max_length)
      .def_rw("length_ratio", &SearchOptions::length_ratio)
      .def_rw("length_margin", &SearchOptions::length_margin)
      .def_rw("word_penalty", &SearchOptions::word_penalty)
      .def_rw("stop", &SearchOptions::stop)
      .def_rw("no_repeat_ngram", &SearchOptions::no_repeat_ngram)
      .def_rw("repetition_penalty", &SearchOptions::repetition_penalty)
      .def_rw("suppressed_ids", &SearchOptions::suppressed_ids, nb::arg().none());
}

}  // namespace octavo
