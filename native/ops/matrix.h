#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ops/tensor_source.h"

namespace octavo {

enum class Precision : std::uint8_t { float32, int8 };

/// A weight matrix [rows, columns] as a precision wants it, whatever way it was stored.
struct Matrix {
  int rows = 0;
  int columns = 0;
  std::vector<float> f32;        // float32
  std::vector<std::int8_t> s8;   // int8
  std::vector<float> row_scale;  // int8: one per row

  /// Reads `name` (and `name`_scale when it is int8). float32 from int8 storage multiplies the scale in;
  /// int8 from float storage is an Error: quantization is a step of its own.
  static Matrix load(TensorSource& source, const std::string& name, int rows, int columns, Precision precision);
};

}  // namespace octavo
