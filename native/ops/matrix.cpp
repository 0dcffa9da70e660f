#include "ops/matrix.h"

#include <cstdlib>

#include "base/errors.h"

namespace octavo {

namespace {

void dequantize(Matrix& matrix) {
  const auto columns = static_cast<std::size_t>(matrix.columns);
  matrix.f32.resize(matrix.s8.size());
  for (std::size_t i = 0; i < matrix.s8.size(); ++i) {
    matrix.f32[i] = static_cast<float>(matrix.s8[i]) * matrix.row_scale[i / columns];
  }
  matrix.s8 = {};
  matrix.row_scale = {};
}

}  // namespace

Matrix Matrix::load(TensorSource& source, const std::string& name, int rows, int columns,
                    Precision precision) {
  Matrix matrix{.rows = rows, .columns = columns, .f32 = {}, .s8 = {}, .row_scale = {}};
  const std::size_t size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  if (precision == Precision::integer) {
    const std::int8_t* values = load_s8(source, name, size, {-127, 127});
    matrix.s8.assign(values, values + size);
    return matrix;
  }
  const TensorView view = source.tensor(name);
  if (view.size != size) {
    throw Error("tensor '" + name + "' has " + std::to_string(view.size) + " elements, not " +
                std::to_string(size));
  }
  if (view.f32 != nullptr) {
    if (precision == Precision::int8)
      throw Error("tensor '" + name + "' is not quantized; run `octavo quantize`");
    matrix.f32.assign(view.f32, view.f32 + size);
    return matrix;
  }
  matrix.s8.assign(view.s8, view.s8 + size);
  const float* scale = load_f32(source, name + "_scale", static_cast<std::size_t>(rows));
  matrix.row_scale.assign(scale, scale + rows);
  if (precision == Precision::float32) dequantize(matrix);
  return matrix;
}

PackedMatrix PackedMatrix::pack(const Matrix& matrix, const PanelLayout& layout) {
  PackedMatrix packed;
  packed.layout = layout;
  packed.rows = matrix.rows;
  packed.columns = matrix.columns;
  packed.row_scale = matrix.row_scale;
  const std::size_t size = packed_size(layout, matrix.rows, matrix.columns);
  if (matrix.s8.empty()) {
    pack_panels(layout, matrix.f32.data(), matrix.rows, matrix.columns, 0, packed.f32.ensure(size));
    return packed;
  }
  pack_panels(layout, matrix.s8.data(), matrix.rows, matrix.columns, 0, packed.s8.ensure(size));
  return packed;
}

RowSums RowSums::of(const Matrix& matrix) {
  RowSums found;
  const std::int8_t* value = matrix.s8.data();
  for (int n = 0; n < matrix.rows; ++n) {
    std::int64_t sum = 0;
    std::int64_t magnitude = 0;
    for (int k = 0; k < matrix.columns; ++k, ++value) {
      sum += *value;
      magnitude += std::abs(*value);
    }
    found.sums.push_back(sum);
    found.magnitudes.push_back(magnitude);
  }
  return found;
}

void PackedMatrix::select(std::span<const std::int32_t> chosen, PackedMatrix& selected) const {
  selected.layout = layout;
  selected.rows = static_cast<int>(chosen.size());
  selected.columns = columns;
  const std::size_t size = packed_size(layout, selected.rows, columns);
  if (s8.data() == nullptr) {
    select_columns(layout, f32.data(), columns, chosen, selected.f32.ensure(size));
  } else {
    select_columns(layout, s8.data(), columns, chosen, selected.s8.ensure(size));
  }
}

std::shared_ptr<const Matrix> Weights::matrix(const std::string& name, int rows, int columns,
                                              Precision precision) {
  std::weak_ptr<const Matrix>& kept = matrices_[{name, precision}];
  if (std::shared_ptr<const Matrix> shared = kept.lock()) return shared;
  auto loaded = std::make_shared<const Matrix>(Matrix::load(source_, name, rows, columns, precision));
  kept = loaded;
  return loaded;
}

std::shared_ptr<PackedMatrix> Weights::packed(const std::string& name, int rows, int columns,
                                              Precision precision, const KernelTable& kernels) {
  std::weak_ptr<PackedMatrix>& kept = packed_[{name, precision}];
  if (std::shared_ptr<PackedMatrix> shared = kept.lock()) return shared;
  const bool is_float = precision == Precision::float32;
  const PanelLayout& layout = is_float ? kernels.linear_f32.layout : kernels.linear_s8.layout;
  const std::shared_ptr<const Matrix> plain = matrix(name, rows, columns, precision);
  auto packed = std::make_shared<PackedMatrix>(PackedMatrix::pack(*plain, layout));
  if (!is_float) sums_[{name, precision}] = RowSums::of(*plain);
  kept = packed;
  return packed;
}

const RowSums& Weights::sums(const std::string& name, Precision precision) const {
  return sums_.at({name, precision});
}

Precision Weights::stored(const std::string& name) {
  return source_.tensor(name).s8 != nullptr ? Precision::int8 : Precision::float32;
}

std::shared_ptr<const std::vector<float>> Weights::vector(const std::string& name, std::size_t size) {
  std::weak_ptr<const std::vector<float>>& kept = vectors_[name];
  if (std::shared_ptr<const std::vector<float>> shared = kept.lock()) return shared;
  const float* values = load_f32(source_, name, size);
  auto loaded = std::make_shared<const std::vector<float>>(values, values + size);
  kept = loaded;
  return loaded;
}

}  // namespace octavo
