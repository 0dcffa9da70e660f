#pragma once

#include <cstddef>

namespace octavo {

// What the batch of a stream holds at most, unless a single sentence or text is larger.
constexpr std::size_t kMostRows = 64;      // decoder rows
constexpr std::size_t kMostCost = 65'536;  // tokens whose keys and values are kept

}  // namespace octavo
