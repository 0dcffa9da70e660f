#include "decoding/search.h"

#include <algorithm>
#include <cmath>

#include "base/errors.h"
#include "kernels/exponential.h"
#include "kernels/logarithm.h"

namespace octavo {

namespace {

constexpr int kLargestBeam = 64;
constexpr int kLongestTranslation = 65'536;

/// length^length_penalty.
float length_divisor(int length, float length_penalty) {
  if (length_penalty == 1.0f) return static_cast<float>(length);
  if (length_penalty == 0.0f) return 1.0f;
  return exponential(length_penalty * logarithm(static_cast<float>(length)));
}

void require(bool holds, const char* message) {
  if (!holds) throw Error(message);
}

}  // namespace

void check(const SearchOptions& options) {
  require(options.beam >= 1 && options.beam <= kLargestBeam, "beam must be from 1 to 64");
  require(options.nbest >= 1 && options.nbest <= options.beam, "nbest must be from 1 to beam");
  require(options.length_penalty >= 0 && options.length_penalty <= 10, "length_penalty must be from 0 to 10");
  require(options.min_length >= 0 && options.min_length <= kLongestTranslation,
          "min_length must be from 0 to 65536");
  require(options.max_length >= 1 && options.max_length <= kLongestTranslation,
          "max_length must be from 1 to 65536");
  require(options.length_ratio >= 0 && options.length_ratio <= 100, "length_ratio must be from 0 to 100");
  require(options.length_margin >= 0 && options.length_margin <= kLongestTranslation,
          "length_margin must be from 0 to 65536");
  require(options.word_penalty >= -10 && options.word_penalty <= 10, "word_penalty must be from -10 to 10");
  require(options.no_repeat_ngram >= 0 && options.no_repeat_ngram <= kLongestTranslation,
          "no_repeat_ngram must be from 0 to 65536");
  require(options.repetition_penalty >= 0.1f && options.repetition_penalty <= 10,
          "repetition_penalty must be from 0.1 to 10");
}

int longest_translation(const SearchOptions& options, int source_tokens, int max_positions,
                        int demanded_tokens) {
  const double relative =
      std::floor(options.length_ratio * source_tokens + options.length_margin) + demanded_tokens;
  const double longest = std::min<double>(
      {static_cast<double>(options.max_length), relative, static_cast<double>(max_positions)});
  return std::max(1, static_cast<int>(longest));
}

float hypothesis_score(const SearchOptions& options, float sum, int length) {
  const float weighed = sum - options.word_penalty * static_cast<float>(length);
  return weighed / length_divisor(length, options.length_penalty);
}

}  // namespace octavo
