#pragma once

#include <nanobind/nanobind.h>

namespace octavo {

void bind_kernels(nanobind::module_& module);
void bind_config(nanobind::module_& module);
void bind_engine(nanobind::module_& module);

}  // namespace octavo
