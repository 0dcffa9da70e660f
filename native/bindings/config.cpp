#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include "bindings/bindings.h"
#include "bindings/python_values.h"
#include "decoding/search.h"
#include "model/transformer.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace octavo {

namespace {

/// float32: names; inputs: (scale, zero point) by name; heads: lists of scales by name.
void make_plan(QuantizationPlan* self, nb::handle float32, nb::dict inputs, nb::dict heads) {
  QuantizationPlan plan;
  for (const nb::handle product : float32) plan.float32.insert(text(product));
  for (const auto& [site, scale] : inputs) {
    plan.inputs[text(site)] = {.scale = number<float>(scale[0]), .zero_point = number<int>(scale[1])};
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
  nb::enum_<Activation>(module, "Activation")
      .value("relu", Activation::relu)
      .value("gelu", Activation::gelu)
      .value("silu", Activation::silu);
  nb::class_<TransformerConfig>(module, "TransformerConfig")
      .def(nb::init<>())
      .def_rw("d_model", &TransformerConfig::d_model)
      .def_rw("ffn_dim", &TransformerConfig::ffn_dim)
      .def_rw("encoder_layers", &TransformerConfig::encoder_layers)
      .def_rw("decoder_layers", &TransformerConfig::decoder_layers)
      .def_rw("attention_heads", &TransformerConfig::attention_heads)
      .def_rw("source_vocab_size", &TransformerConfig::source_vocab_size)
      .def_rw("target_vocab_size", &TransformerConfig::target_vocab_size)
      .def_rw("max_positions", &TransformerConfig::max_positions)
      .def_rw("position_offset", &TransformerConfig::position_offset)
      .def_rw("learned_positions", &TransformerConfig::learned_positions)
      .def_rw("pre_norm", &TransformerConfig::pre_norm)
      .def_rw("activation", &TransformerConfig::activation)
      .def_rw("scale_embeddings", &TransformerConfig::scale_embeddings)
      .def_rw("embedding_norm", &TransformerConfig::embedding_norm)
      .def_rw("shared_embeddings", &TransformerConfig::shared_embeddings)
      .def_rw("tied_output", &TransformerConfig::tied_output)
      .def_rw("output_bias", &TransformerConfig::output_bias)
      .def_rw("layer_norm_epsilon", &TransformerConfig::layer_norm_epsilon)
      .def_rw("eos_id", &TransformerConfig::eos_id)
      .def_rw("decoder_start_id", &TransformerConfig::decoder_start_id)
      .def_prop_rw(
          "suppressed_ids", [](const TransformerConfig& config) { return config.suppressed_ids; },
          [](TransformerConfig& config, nb::handle ids) {
            config.suppressed_ids = numbers<std::int32_t>(ids);
          })
      .def_rw("source_eos", &TransformerConfig::source_eos)
      .def_rw("polynomial_degree", &TransformerConfig::polynomial_degree);
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
