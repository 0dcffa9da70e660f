#pragma once

#include "kernels/integer_kernels.h"

namespace octavo::lanes16 {

/// What a product's sums, start + Σ q · w, are made of, whatever becomes of them.
struct BareProduct {
  const std::uint8_t* input;
  std::ptrdiff_t input_stride;
  int rows;
  int inner;
  int columns;
  const std::int8_t* weight;
  const std::int32_t* start;
};

static inline BareProduct bare(const ProductS8& product) {
  return {product.input,   product.input_stride, product.rows,      product.inner,
          product.columns, product.weight,       product.correction};
}

static inline BareProduct bare(const IntegerProduct& product) {
  return {product.input,   product.input_stride, product.rows, product.inner,
          product.columns, product.weight,       product.start};
}

}  // namespace octavo::lanes16
