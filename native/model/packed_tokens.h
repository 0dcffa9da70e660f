#pragma once

#include <cstdint>
#include <vector>

namespace octavo {

/// Sentences packed end to end, without padding: sentence s is tokens [offset[s], offset[s + 1]).
struct PackedTokens {
  std::vector<std::int32_t> tokens;
  std::vector<int> offsets{0};

  void add(const std::vector<std::int32_t>& sentence, const std::int32_t* end_token);
  int sentences() const { return static_cast<int>(offsets.size()) - 1; }
  int length(int sentence) const;
  int size() const { return static_cast<int>(tokens.size()); }
};

}  // namespace octavo
