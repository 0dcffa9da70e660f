#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checked_output.h"
#include "guarded_memory.h"
#include "kernels/kernel_table.h"
#include "random.h"

namespace octavo::testing {

enum class Residual { none, separate, output_itself };

/// One product and its epilogue. A gap is what a stride is larger than the row.
struct ProductShape {
  int rows = 1;
  int inner = 1;
  int columns = 1;
  Activation activation = Activation::none;
  bool bias = false;
  Residual residual = Residual::none;
  int input_gap = 0;
  int residual_gap = 0;
  int output_gap = 0;

  std::string text() const;
};

/// Rows 1 to 13 with every width and every inner length near a tile's edge, and every epilogue.
std::vector<ProductShape> edge_shapes(Random& random);

/// An epilogue's operands in guarded memory.
class EpilogueOperands {
 public:
  /// `padded` is the number of columns in whole panels; what lies between is NaN.
  void prepare(const ProductShape& shape, std::size_t padded, Random& random);
  Epilogue for_reference() const { return epilogue(output_.expected()); }
  Epilogue for_subject() const { return epilogue(output_.actual()); }
  void verify(const std::string& call) const { output_.verify(call, "output"); }

 private:
  Epilogue epilogue(float* output) const;

  ProductShape shape_;
  GuardedArray<float> bias_;
  GuardedArray<float> residual_;
  CheckedOutput<float> output_;
};

/// `count` values of `kind` in [0, used), NaN in the rest of `array`: padding that must not count.
void fill_padded(GuardedArray<float>& array, std::size_t used, std::size_t padded, Random& random);

}  // namespace octavo::testing
