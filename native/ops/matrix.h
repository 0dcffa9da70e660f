#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ops/tensor_source.h"

namespace octavo {

enum class Precision : std::uint8_t { float32, int8, integer };

/// A weight matrix [rows, columns] as a precision wants it, whatever way it was stored.
struct Matrix {
  int rows = 0;
  int columns = 0;
  std::vector<float> f32;        // float32
  std::vector<std::int8_t> s8;   // int8, integer
  std::vector<float> row_scale;  // int8: one per row

  /// Reads `name` (and `name`_scale when it is int8). float32 from int8 storage multiplies the scale in;
  /// int8 from float storage is an Error: quantization is a step of its own. `integer` has no scale.
  static Matrix load(TensorSource& source, const std::string& name, int rows, int columns,
                     Precision precision);
};

/// Matrices and vectors by name. What is still in use is shared, not read again: a tied embedding serves both
/// sides, and the output projection is packed from it.
class Weights {
 public:
  explicit Weights(TensorSource& source) : source_(source) {}

  std::shared_ptr<const Matrix> matrix(const std::string& name, int rows, int columns, Precision precision);
  /// What the tensor is stored as: int8, or float32 where it is some float.
  Precision stored(const std::string& name);
  std::shared_ptr<const std::vector<float>> vector(const std::string& name, std::size_t size);
  TensorSource& source() { return source_; }

 private:
  TensorSource& source_;
  std::map<std::pair<std::string, Precision>, std::weak_ptr<const Matrix>> matrices_;
  std::map<std::string, std::weak_ptr<const std::vector<float>>> vectors_;
};

}  // namespace octavo
