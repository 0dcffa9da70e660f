#include "values.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octavo::testing {

namespace {

float special(Random& random) {
  using Limits = std::numeric_limits<float>;
  static const std::array values{
      0.0f,
      Limits::denorm_min(),
      Limits::min(),
      std::nextafter(Limits::min(), 0.0f),
      Limits::max(),
      1e-30f,
      std::nextafter(1e-30f, 0.0f),
      std::nextafter(1e-30f, 1.0f),
      0.5f,
      1.0f,
      1.5f,
      127.0f,
      87.0f,
      88.0f,
      std::nextafter(87.0f, 100.0f),
      std::nextafter(88.0f, 100.0f),
      1e10f,
  };
  const float value =
      values[static_cast<std::size_t>(random.integer(0, static_cast<int>(values.size()) - 1))];
  return random.chance() ? value : -value;
}

float tiny(Random& random) {
  static const std::array values{0.0f, std::numeric_limits<float>::denorm_min(), std::nextafter(1e-30f, 0.0f),
                                 1e-30f};
  const float value = values[static_cast<std::size_t>(random.integer(0, 3))];
  return random.chance() ? value : -value;
}

float normal(Random& random) { return random.unit() + random.unit() + random.unit(); }

float value_of(Values values, Random& random) {
  switch (values) {
    case Values::normal: return normal(random);
    case Values::wide: return random.any_finite();
    case Values::special: return special(random);
    case Values::tiny: return tiny(random);
    case Values::zeros: return random.chance() ? 0.0f : -0.0f;
    case Values::equal: return 0.0f;
    case Values::ties: return static_cast<float>(random.integer(-127, 126)) + 0.5f;
    case Values::very_negative: return random.integer(0, 9) == 0 ? 0.0f : -1e4f * std::fabs(normal(random));
    case Values::masked: return random.chance() ? normal(random) : -std::numeric_limits<float>::infinity();
  }
  return 0.0f;
}

}  // namespace

const char* name_of(Values values) {
  switch (values) {
    case Values::normal: return "normal";
    case Values::wide: return "wide";
    case Values::special: return "special";
    case Values::tiny: return "tiny";
    case Values::zeros: return "zeros";
    case Values::equal: return "equal";
    case Values::ties: return "ties";
    case Values::very_negative: return "very_negative";
    case Values::masked: return "masked";
  }
  return "?";
}

void fill(std::span<float> x, Values values, Random& random) {
  if (values == Values::equal) {
    std::fill(x.begin(), x.end(), normal(random));
    return;
  }
  for (float& value : x) value = value_of(values, random);
  if (values == Values::ties && !x.empty()) x.back() = 127.0f;
}

const std::vector<int>& lengths() {
  static const std::vector<int> found = [] {
    std::vector<int> list;
    for (int n = 1; n <= 70; ++n) list.push_back(n);
    for (const int n : {127, 128, 129, 130, 256}) list.push_back(n);
    return list;
  }();
  return found;
}

}  // namespace octavo::testing
