#include <cmath>

#include "kernels/reference/functions.h"

namespace octavo::reference {

namespace {

void finish(const Epilogue& epilogue, int row, int column, float value) {
  value = activate(epilogue.activation, value);
  if (epilogue.factor != nullptr) value = value * epilogue.factor[row * epilogue.factor_stride + column];
  if (epilogue.residual != nullptr)
    value = value + epilogue.residual[row * epilogue.residual_stride + column];
  if (epilogue.quantized.values != nullptr) {
    store_quantized(epilogue.quantized, row, column, value);
  } else {
    epilogue.output[row * epilogue.output_stride + column] = value;
  }
}

std::int32_t sum_of_products(const ProductS8& product, int row, int column) {
  const std::uint8_t* input = product.input + row * product.input_stride;
  const std::int8_t* weight = product.weight + static_cast<std::ptrdiff_t>(column) * product.inner;
  std::int32_t sum = product.correction[column];
  for (int k = 0; k < product.inner; ++k) sum += static_cast<std::int32_t>(input[k]) * weight[k];
  return sum;
}

}  // namespace

void product_f32(const ProductF32& product) {
  for (int row = 0; row < product.rows; ++row) {
    const float* input = product.input + row * product.input_stride;
    for (int column = 0; column < product.columns; ++column) {
      const float* weight = product.weight + static_cast<std::ptrdiff_t>(column) * product.inner;
      float sum = 0.0f;
      for (int k = 0; k < product.inner; ++k) sum = std::fma(input[k], weight[k], sum);
      if (product.epilogue.bias != nullptr) sum = sum + product.epilogue.bias[column];
      finish(product.epilogue, row, column, sum);
    }
  }
}

void product_s8(const ProductS8& product) {
  for (int row = 0; row < product.rows; ++row) {
    for (int column = 0; column < product.columns; ++column) {
      const float sum = static_cast<float>(sum_of_products(product, row, column));
      const float bias = product.epilogue.bias != nullptr ? product.epilogue.bias[column] : 0.0f;
      const float weight_scale = product.weight_scale[column];
      const float scale = product.row_scale != nullptr ? product.row_scale[row] * weight_scale : weight_scale;
      finish(product.epilogue, row, column, std::fma(sum, scale, bias));
    }
  }
}

void accumulate_s8(const ProductS8& product, std::int32_t* sums) {
  for (int row = 0; row < product.rows; ++row) {
    for (int column = 0; column < product.columns; ++column) {
      *sums++ = sum_of_products(product, row, column);
    }
  }
}

}  // namespace octavo::reference
