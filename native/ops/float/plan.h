#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace octavo {

/// One scale for all rows of a site, known beforehand.
struct StaticScale {
  float scale = 1;
  int zero_point = 128;
  bool narrow_range = false;  // no byte is 0
};

/// What octavo.model.plan.QuantizationPlan says, checked there. A model that runs in float32 has none.
struct QuantizationPlan {
  std::set<std::string> float32;                    // products left in float32
  std::map<std::string, StaticScale> inputs;        // sites; what is not listed is quantized per token
  std::map<std::string, std::vector<float>> heads;  // queries, keys and values: a scale for each head

  bool is_int8(const std::string& product) const { return !float32.contains(product); }
};

}  // namespace octavo
