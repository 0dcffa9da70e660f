#pragma once

#include <string>

#include "checked_output.h"
#include "guarded_memory.h"
#include "kernels/kernel_table.h"
#include "random.h"

namespace octavo::testing {

/// Rows stored as u8 by static quantization, twice: by the reference and by the kernel under test. Zero
/// points are often at or beside an end of their range, which is narrow half the time; inverses fit the
/// values, are 1 (ties stay ties), or extreme.
class QuantizedTarget {
 public:
  /// Strides are `gap` more than `columns`; `padded` is the length of the inverses, NaN behind `columns`.
  void prepare(int rows, int columns, std::size_t padded, int gap, Random& random);
  QuantizedRows for_reference() const { return rows(output_.expected()); }
  QuantizedRows for_subject() const { return rows(output_.actual()); }
  std::string text() const;
  void verify(const std::string& call) const { output_.verify(call, "u8 output"); }

 private:
  QuantizedRows rows(std::uint8_t* values) const;

  int zero_point_ = 0;
  int least_ = 0;
  std::ptrdiff_t stride_ = 0;
  const char* inverses_ = "";
  GuardedArray<float> inverse_;
  CheckedOutput<std::uint8_t> output_;
};

/// 0 to 255, mostly 0, 1, 127, 128, 254 or 255.
int any_zero_point(Random& random);

}  // namespace octavo::testing
