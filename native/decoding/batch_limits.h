#pragma once

#include <cstddef>

namespace octavo {

// What the batch of a stream holds at most, unless a single sentence or text is larger; besides it no more
// decoder rows than the tier's stream_rows.
constexpr std::size_t kMostCost = 65'536;  // tokens whose keys and values are kept

}  // namespace octavo
