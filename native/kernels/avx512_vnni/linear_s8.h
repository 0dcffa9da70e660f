#pragma once

#include "kernels/kernel_table.h"

namespace octavo::avx512_vnni {

inline constexpr PanelLayout kLayoutS8{.columns = 64, .group = 4};

void product_s8(const ProductS8& product);
void accumulate_s8(const ProductS8& product, std::int32_t* sums);

}  // namespace octavo::avx512_vnni
