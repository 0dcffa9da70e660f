#pragma once

#include <nanobind/nanobind.h>

#include "bindings/interpreter.h"

namespace octavo {

/// What forks and the exit of Python need.
void bind_interpreter(nanobind::module_& module);
void bind_config(nanobind::module_& module);
void bind_engine(nanobind::module_& module);
/// What shows the inside of a model: forced logits, attention, sites and products.
void bind_inspection(nanobind::class_<PythonEngine>& engine);
/// What only language models do: scores of texts, texts to be continued, and the choice of tokens.
void bind_language(nanobind::module_& module, nanobind::class_<PythonEngine>& engine);

/// A pair of layer and head.
AttentionHead attention_head(nanobind::handle pair);

}  // namespace octavo
