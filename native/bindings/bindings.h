#pragma once

#include <nanobind/nanobind.h>

#include "engine/engine.h"

namespace octavo {

/// What forks and the exit of Python need.
void bind_interpreter(nanobind::module_& module);
void bind_config(nanobind::module_& module);
void bind_engine(nanobind::module_& module);
/// What only language models do: scores of texts, texts to be continued, and the choice of tokens.
void bind_language(nanobind::module_& module, nanobind::class_<Engine>& engine);

}  // namespace octavo
