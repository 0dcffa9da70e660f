#pragma once

#include <cstdint>
#include <vector>

namespace octavo {

/// Sentences packed end to end, without padding: sentence s is tokens [offset[s], offset[s + 1]).
struct PackedTokens {
  std::vector<std::int32_t> tokens;
  std::vector<int> offsets{0};

  /// `end_token` may be null.
  void add(const std::vector<std::int32_t>& sentence, const std::int32_t* end_token) {
    tokens.insert(tokens.end(), sentence.begin(), sentence.end());
    if (end_token != nullptr) tokens.push_back(*end_token);
    offsets.push_back(static_cast<int>(tokens.size()));
  }

  int sentences() const { return static_cast<int>(offsets.size()) - 1; }
  int length(int sentence) const {
    const auto s = static_cast<std::size_t>(sentence);
    return offsets[s + 1] - offsets[s];
  }
  int size() const { return static_cast<int>(tokens.size()); }
};

}  // namespace octavo
