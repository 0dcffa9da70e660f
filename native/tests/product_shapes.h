#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checked_output.h"
#include "guarded_memory.h"
#include "kernels/kernel_table.h"
#include "quantized_target.h"
#include "random.h"

namespace octavo::testing {

enum class Residual { none, separate, output_itself };

/// One product and its epilogue. A gap is what a stride is larger than the row. What is stored as u8 has no
/// residual in the output itself.
struct ProductShape {
  int rows = 1;
  int inner = 1;
  int columns = 1;
  Activation activation = Activation::none;
  bool bias = false;
  bool factor = false;
  Residual residual = Residual::none;
  int input_gap = 0;
  int residual_gap = 0;
  int output_gap = 0;
  bool to_u8 = false;
  bool row_scales = true;  // of int8 products: quantized per row, or by a scale known beforehand

  std::string text() const;
};

/// Rows 1 to 13 with every width and every inner length near a tile's edge, every epilogue, and many rows.
std::vector<ProductShape> edge_shapes(Random& random);

/// An epilogue's operands in guarded memory.
class EpilogueOperands {
 public:
  /// `padded` is the number of columns in whole panels; what lies between is NaN.
  void prepare(const ProductShape& shape, std::size_t padded, Random& random);
  Epilogue for_reference() const { return epilogue(output_.expected(), quantized_.for_reference()); }
  Epilogue for_subject() const { return epilogue(output_.actual(), quantized_.for_subject()); }
  /// What a shape does not tell.
  std::string text() const { return shape_.to_u8 ? quantized_.text() : ""; }
  void verify(const std::string& call) const;

 private:
  Epilogue epilogue(float* output, const QuantizedRows& quantized) const;

  ProductShape shape_;
  GuardedArray<float> bias_;
  GuardedArray<float> factor_;  // rows as far apart as the residual's
  GuardedArray<float> residual_;
  CheckedOutput<float> output_;
  QuantizedTarget quantized_;
};

/// `count` values of `kind` in [0, used), NaN in the rest of `array`: padding that must not count.
void fill_padded(GuardedArray<float>& array, std::size_t used, std::size_t padded, Random& random);

}  // namespace octavo::testing
