#pragma once

#include <array>
#include <span>
#include <vector>

#include "random.h"

namespace octavo::testing {

/// Kinds of floats that kernels have to survive.
enum class Values {
  normal,         // about as a network's
  wide,           // any exponent, denormals and huge numbers included
  special,        // ±0, smallest, largest, thresholds of docs/numerics.md and their neighbours
  tiny,           // about the 1e-30 under which a row is quantized to zeros
  zeros,          // +0 and -0
  equal,          // one value throughout
  ties,           // halves up to 127: with the scale 1 every one is a tie
  very_negative,  // about -1e4, a few at 0
  masked,         // as normal, many at -infinity
};

inline constexpr std::array kFiniteValues{Values::normal, Values::wide,         Values::special,
                                          Values::tiny,   Values::zeros,        Values::equal,
                                          Values::ties,   Values::very_negative};

const char* name_of(Values values);

void fill(std::span<float> x, Values values, Random& random);

/// 1 to 70, the neighbours of 128, and 256: where vectors and panels begin and end.
const std::vector<int>& lengths();

}  // namespace octavo::testing
