#pragma once

#include "kernels/kernel_table.h"

namespace octavo::avx2 {

inline constexpr PanelLayout kLayoutS8{.columns = 16, .group = 2};

void product_s8(const ProductS8& product);
void accumulate_s8(const ProductS8& product, std::int32_t* sums);

}  // namespace octavo::avx2
