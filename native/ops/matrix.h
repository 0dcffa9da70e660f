#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/kernel_table.h"
#include "kernels/panels.h"
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

/// A weight matrix packed for products of a tier. Its rows, the output channels, can be read back.
struct PackedMatrix {
  PanelLayout layout{};
  int rows = 0;
  int columns = 0;
  AlignedBuffer<float> f32;       // float32
  AlignedBuffer<std::int8_t> s8;  // int8, integer
  std::vector<float> row_scale;   // int8: one per row

  static PackedMatrix pack(const Matrix& matrix, const PanelLayout& layout);
  /// Makes `selected` these rows alone, in this order.
  void select(std::span<const std::int32_t> rows, PackedMatrix& selected) const;
  std::size_t width() const { return static_cast<std::size_t>(columns); }
  /// Writes a row to `values` [columns], which it returns.
  const float* row(int row, float* values) const {
    unpack_column(layout, f32.data(), columns, row, values);
    return values;
  }
  const std::int8_t* row(int row, std::int8_t* values) const {
    unpack_column(layout, s8.data(), columns, row, values);
    return values;
  }
};

/// What loading a product of int8 or integers asks of each row of its weight.
struct RowSums {
  std::vector<std::int64_t> sums;
  std::vector<std::int64_t> magnitudes;  // sums of absolute values

  static RowSums of(const Matrix& matrix);
};

/// Matrices and vectors by name. What is still in use is shared, not read again: embeddings may serve both
/// sides, and a tied one is the output projection's packed weight.
class Weights {
 public:
  explicit Weights(TensorSource& source) : source_(source) {}

  std::shared_ptr<const Matrix> matrix(const std::string& name, int rows, int columns, Precision precision);
  std::shared_ptr<PackedMatrix> packed(const std::string& name, int rows, int columns, Precision precision,
                                       const KernelTable& kernels);
  /// Of a weight that has been packed in that precision, which is not float32. Valid as long as this is.
  const RowSums& sums(const std::string& name, Precision precision) const;
  /// What the tensor is stored as: int8, or float32 where it is some float.
  Precision stored(const std::string& name);
  std::shared_ptr<const std::vector<float>> vector(const std::string& name, std::size_t size);
  TensorSource& source() { return source_; }

 private:
  TensorSource& source_;
  std::map<std::pair<std::string, Precision>, std::weak_ptr<const Matrix>> matrices_;
  std::map<std::pair<std::string, Precision>, std::weak_ptr<PackedMatrix>> packed_;
  std::map<std::pair<std::string, Precision>, RowSums> sums_;
  std::map<std::string, std::weak_ptr<const std::vector<float>>> vectors_;
};

}  // namespace octavo
