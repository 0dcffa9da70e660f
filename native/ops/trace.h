#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace octavo {

/// One int8 or integer weight product as it ran: its quantized input and its int32 sums, offset already
/// removed, in integer precision with the bias.
struct ProductTrace {
  std::string name;
  int rows = 0;
  int inner = 0;
  int columns = 0;
  std::vector<std::uint8_t> input;  // [rows, inner], value + zero point
  std::vector<float> row_scale;     // [rows]; a static one, repeated; integer: none
  std::vector<std::int32_t> sums;   // [rows, columns]
};

/// Collects every int8 or integer weight product in order of execution.
using Trace = std::vector<ProductTrace>;

}  // namespace octavo
