#pragma once

#include "kernels/kernel_table.h"

namespace octavo::avx512_vnni {

inline constexpr PanelLayout kLayoutF32{.columns = 64, .group = 1};

void product_f32(const ProductF32& product);

}  // namespace octavo::avx512_vnni
