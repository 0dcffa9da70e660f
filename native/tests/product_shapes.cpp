#include "product_shapes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <sstream>

#include "values.h"

namespace octavo::testing {

namespace {

constexpr std::array kActivations{Activation::none, Activation::relu, Activation::gelu, Activation::silu,
                                  Activation::gelu_tanh};
constexpr std::array kResiduals{Residual::none, Residual::separate, Residual::output_itself};

ProductShape with_random_epilogue(ProductShape shape, Random& random) {
  shape.activation = kActivations[static_cast<std::size_t>(random.integer(0, 4))];
  shape.factor = random.chance();
  shape.residual = kResiduals[static_cast<std::size_t>(random.integer(0, 2))];
  shape.bias = random.chance();
  shape.input_gap = random.chance() ? random.integer(1, 9) : 0;
  shape.residual_gap = random.chance() ? random.integer(1, 9) : 0;
  shape.output_gap = random.chance() ? random.integer(1, 9) : 0;
  shape.to_u8 = random.chance();
  shape.row_scales = random.chance();
  if (shape.to_u8 && shape.residual == Residual::output_itself) shape.residual = Residual::separate;
  return shape;
}

int any_length(Random& random) {
  return lengths()[static_cast<std::size_t>(random.integer(0, static_cast<int>(lengths().size()) - 1))];
}

/// Every epilogue, of int8 products both kinds of scales, at the edges of tiles and vectors.
void add_every_epilogue(std::vector<ProductShape>& shapes) {
  for (const Activation activation : kActivations) {
    for (const Residual residual : kResiduals) {
      for (int bits = 0; bits < 16; ++bits) {
        const bool to_u8 = (bits & 2) != 0;
        if (to_u8 && residual == Residual::output_itself) continue;
        for (const int rows : {1, 5, 6, 7}) {
          for (const int columns : {1, 15, 16, 17, 63, 64, 65}) {
            shapes.push_back({.rows = rows,
                              .inner = 6,
                              .columns = columns,
                              .activation = activation,
                              .bias = (bits & 1) != 0,
                              .factor = (bits & 8) != 0,
                              .residual = residual,
                              .to_u8 = to_u8,
                              .row_scales = (bits & 4) != 0});
          }
        }
      }
    }
  }
}

/// More rows than a tier takes at a time, and one more or less than that.
void add_many_rows(std::vector<ProductShape>& shapes, Random& random) {
  for (const int rows : {15, 16, 17, 18, 19, 31, 32, 33, 47, 48, 49, 50, 64, 65, 95, 96, 97}) {
    for (const int columns : {1, 32, 33, 130}) {
      shapes.push_back(
          with_random_epilogue({.rows = rows, .inner = any_length(random), .columns = columns}, random));
    }
  }
}

}  // namespace

std::string ProductShape::text() const {
  static constexpr std::array kActivationNames{"none", "relu", "gelu", "silu", "gelu-tanh"};
  static constexpr std::array kResidualNames{"none", "separate", "output itself"};
  std::ostringstream text;
  text << " rows=" << rows << " inner=" << inner << " columns=" << columns;
  text << " activation=" << kActivationNames[static_cast<std::size_t>(activation)];
  text << " bias=" << (bias ? "yes" : "no");
  text << " factor=" << (factor ? "yes" : "no");
  text << " residual=" << kResidualNames[static_cast<std::size_t>(residual)];
  text << " gaps=" << input_gap << "," << residual_gap << "," << output_gap;
  text << " output=" << (to_u8 ? "u8" : "floats");
  return text.str();
}

std::vector<ProductShape> edge_shapes(Random& random) {
  std::vector<ProductShape> shapes;
  for (int rows = 1; rows <= 13; ++rows) {
    for (const int n : lengths()) {
      shapes.push_back(
          with_random_epilogue({.rows = rows, .inner = any_length(random), .columns = n}, random));
      shapes.push_back(
          with_random_epilogue({.rows = rows, .inner = n, .columns = any_length(random)}, random));
    }
  }
  add_every_epilogue(shapes);
  add_many_rows(shapes, random);
  return shapes;
}

void fill_padded(GuardedArray<float>& array, std::size_t used, std::size_t padded, Random& random) {
  array.resize(padded);
  fill({array.data(), used}, Values::normal, random);
  std::fill(array.begin() + used, array.end(), std::numeric_limits<float>::quiet_NaN());
}

void EpilogueOperands::prepare(const ProductShape& shape, std::size_t padded, Random& random) {
  shape_ = shape;
  const auto rows = static_cast<std::size_t>(shape.rows);
  const auto columns = static_cast<std::size_t>(shape.columns);
  output_.shape(shape.rows, shape.columns, shape.columns + shape.output_gap);
  if (shape.to_u8) quantized_.prepare(shape.rows, shape.columns, padded, shape.output_gap, random);
  if (shape.bias) fill_padded(bias_, columns, padded, random);
  const std::size_t stride = columns + static_cast<std::size_t>(shape.residual_gap);
  if (shape.factor) {
    factor_.resize((rows - 1) * stride + columns);
    fill({factor_.data(), factor_.size()}, Values::normal, random);
  }
  if (shape.residual == Residual::separate) {
    residual_.resize((rows - 1) * stride + columns);
    fill({residual_.data(), residual_.size()}, Values::normal, random);
  }
  if (shape.residual == Residual::output_itself) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < columns; ++column) output_.preset(row, column, random.unit());
    }
  }
}

void EpilogueOperands::verify(const std::string& call) const {
  output_.verify(call, "output");
  if (shape_.to_u8) quantized_.verify(call);
}

Epilogue EpilogueOperands::epilogue(float* output, const QuantizedRows& quantized) const {
  Epilogue made;
  made.bias = shape_.bias ? bias_.data() : nullptr;
  made.activation = shape_.activation;
  if (shape_.to_u8) {
    made.quantized = quantized;
  } else {
    made.output = output;
    made.output_stride = shape_.columns + shape_.output_gap;
  }
  if (shape_.factor) {
    made.factor = factor_.data();
    made.factor_stride = shape_.columns + shape_.residual_gap;
  }
  if (shape_.residual == Residual::separate) {
    made.residual = residual_.data();
    made.residual_stride = shape_.columns + shape_.residual_gap;
  } else if (shape_.residual == Residual::output_itself) {
    made.residual = output;
    made.residual_stride = made.output_stride;
  }
  return made;
}

}  // namespace octavo::testing
