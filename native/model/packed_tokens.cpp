#include "model/packed_tokens.h"

namespace octavo {

void PackedTokens::add(const std::vector<std::int32_t>& sentence, const std::int32_t* end_token) {
  tokens.insert(tokens.end(), sentence.begin(), sentence.end());
  if (end_token != nullptr) tokens.push_back(*end_token);
  offsets.push_back(static_cast<int>(tokens.size()));
}

int PackedTokens::length(int sentence) const {
  const auto s = static_cast<std::size_t>(sentence);
  return offsets[s + 1] - offsets[s];
}

}  // namespace octavo
