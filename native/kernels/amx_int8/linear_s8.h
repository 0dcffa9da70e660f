#pragma once

#include "kernels/integer_kernels.h"

namespace octavo::OCTAVO_TIER {

/// With so few rows most of a tile would be empty: their products are those of the table this one begins as.
inline constexpr int kFewRows = 8;

void product_s8(const ProductS8& product);
void accumulate_s8(const ProductS8& product, std::int32_t* sums);
void product_integer(const IntegerProduct& product);

/// Those of the table this one begins as, whose layout is the same.
const LinearS8& few_rows();

}  // namespace octavo::OCTAVO_TIER
