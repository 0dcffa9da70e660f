#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace octavo {

/// How the next token is chosen; docs/numerics.md, "Sampling".
struct SamplingOptions {
  double temperature = 1;  // 0: the most likely token
  int top_k = 0;           // 0: all
  double top_p = 1;
};

/// Throws Error where an option is out of range.
void check(const SamplingOptions& options);

/// Chooses tokens from logits. Keeps its memory from call to call.
class Sampler {
 public:
  /// `suppressed` tokens are never chosen.
  Sampler(SamplingOptions options, std::vector<std::int32_t> suppressed);

  /// The token that `uniform`, from 0 to below 1, chooses. Throws Error where a logit is not finite, or
  /// nothing may be chosen.
  std::int32_t choose(std::span<const float> logits, double uniform);

 private:
  struct Candidate {
    float logit;
    std::int32_t token;
    double weight;
  };

  static bool better(const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  }

  void collect(std::span<const float> logits);
  void keep_top_k();
  void weigh(float largest);
  void keep_top_p();
  std::int32_t draw(double uniform) const;

  SamplingOptions options_;
  float factor_;  // 1 / temperature
  std::vector<std::int32_t> suppressed_;
  std::vector<Candidate> candidates_;  // in order of token
};

}  // namespace octavo
