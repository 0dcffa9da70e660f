#include "ops/matrix.h"

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

std::shared_ptr<const Matrix> Weights::matrix(const std::string& name, int rows, int columns,
                                              Precision precision) {
  std::weak_ptr<const Matrix>& kept = matrices_[{name, precision}];
  if (std::shared_ptr<const Matrix> shared = kept.lock()) return shared;
  auto loaded = std::make_shared<const Matrix>(Matrix::load(source_, name, rows, columns, precision));
  kept = loaded;
  return loaded;
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
