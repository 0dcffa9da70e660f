#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace octavo {

/// When the search of a sentence ends; docs/numerics.md, "Search".
enum class Stop : std::uint8_t { full, heuristic, exhaustive, shrinking };

/// How to search; docs/numerics.md, "Search", says what each means.
struct SearchOptions {
  int beam = 4;
  int nbest = 1;
  float length_penalty = 1.0f;
  int min_length = 0;
  int max_length = 512;
  double length_ratio = 2.0;
  int length_margin = 16;
  float word_penalty = 0.0f;
  Stop stop = Stop::full;
  int no_repeat_ngram = 0;
  float repetition_penalty = 1.0f;
  std::optional<std::vector<std::int32_t>> suppressed_ids;  // none: the model's
};

/// Throws Error where an option is out of range.
void check(const SearchOptions& options);

/// A translation in target tokens, without EOS. Not complete: cut at the longest length.
struct Hypothesis {
  std::vector<std::int32_t> tokens;
  std::vector<std::uint16_t> attention;  // [tokens, source positions], where asked for
  float score = 0;
  bool complete = false;
};

/// The longest translation, in target tokens with EOS, of a source of `source_tokens` with EOS. Its terms and
/// its prefix have `demanded_tokens`.
int longest_translation(const SearchOptions& options, int source_tokens, int max_positions,
                        int demanded_tokens);

/// The score of a hypothesis of this length whose log-probability is `sum`.
float hypothesis_score(const SearchOptions& options, float sum, int length);

}  // namespace octavo
