// A whole model in integer precision, on every tier: from the tokens to the decoder's states no instruction
// raises a floating-point exception, which inexact ones do, and every tier gives the logits of the reference.

#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "expect.h"
#include "kernels/registry.h"
#include "model/transformer.h"
#include "random.h"
#include "random_model.h"

namespace octavo::testing {

namespace {

constexpr int kSteps = 20;                             // more than a page has positions
constexpr std::uint64_t kDigest = 0x5a2f43bdf5efddd7;  // of all logits, on every CPU

PackedTokens sources() {
  PackedTokens source;
  Random random(5);
  const std::int32_t end = 3;
  for (const int length : {1, 37, 16}) {
    std::vector<std::int32_t> sentence;
    for (int i = 0; i < length; ++i) sentence.push_back(random.integer(4, 99));
    source.add(sentence, &end);
  }
  return source;
}

/// Every row goes on, and the first one twice: three rows a sentence at last.
void advance(SentenceRows& sentence, int step) {
  std::vector<Continuation> next;
  for (int row = 0; row < sentence.rows(); ++row) next.push_back({row, 4 + (7 * step + row) % 90});
  if (next.size() < 3) next.push_back({0, 50});
  sentence.advance(next);
}

/// Hears two heads, and adds up what they weigh.
class Hearing : public AttentionListener {
 public:
  Hearing() : AttentionListener({{.layer = 0, .head = 1}, {.layer = 1, .head = 0}}) {}
  void listen(std::size_t, int, int rows, int positions, const HeadWeights& found) override {
    for (int r = 0; r < rows; ++r) {
      for (int s = 0; s < positions; ++s) total += found.weights[r * found.stride + s];
    }
  }

  std::int64_t total = 0;
};

/// Runs `work` and says whether it raised a floating-point exception, inexactness among them.
template <class Work>
bool raises(Work work) {
  std::feclearexcept(FE_ALL_EXCEPT);
  work();
  return std::fetestexcept(FE_ALL_EXCEPT) != 0;
}

/// The logits of all steps.
std::vector<float> run(const KernelTable& kernels) {
  const TransformerConfig config = small_config();
  RandomIntegers tensors(config);
  const Transformer model = Transformer::load(config, IntegerScheme{1.0f / 300.0f}, kernels, tensors);
  Workspace workspace(kernels);
  Hearing hearing;
  workspace.listener = &hearing;
  DecoderCache cache = model.stacks->make_cache();
  const PackedTokens source = sources();
  std::vector<SentenceRows> sentences;
  expect(!raises([&] { sentences = model.stacks->begin(source, workspace, cache); }),
         "an encoder of integers");
  std::vector<SentenceRows*> live;
  for (SentenceRows& sentence : sentences) live.push_back(&sentence);
  std::vector<float> all;
  for (int step = 0; step < kSteps; ++step) {
    ProductInput states;
    expect(!raises([&] { states = model.stacks->step(live, workspace); }), "a decoder of integers");
    std::vector<float> logits(static_cast<std::size_t>(states.rows * config.target_vocab_size));
    const auto score = [&] {
      model.stacks->output().apply_to(0, config.target_vocab_size, states, logits.data(), workspace);
    };
    expect(raises(score), "scores are floats, and their exceptions are seen");
    all.insert(all.end(), logits.begin(), logits.end());
    for (SentenceRows* sentence : live) advance(*sentence, step);
  }
  expect(hearing.total > kSteps, "heads weigh something");
  return all;
}

std::uint64_t digest(const std::vector<float>& logits) {
  return fnv1a(logits, [](float logit) { return std::bit_cast<std::uint32_t>(logit); });
}

void check_tier(const KernelTier& tier) {
  if (!tier.available()) {
    std::printf("%s SKIPPED: %s\n", tier.name.c_str(), tier.reason.c_str());
    return;
  }
  static const std::vector<float> expected = run(reference_kernels());
  double spread = 0;
  for (const float logit : expected) spread += std::abs(logit);
  expect(spread > static_cast<double>(expected.size()), "the logits say something");
  char found[32];
  std::snprintf(found, sizeof found, "0x%016llx", static_cast<unsigned long long>(digest(expected)));
  expect(digest(expected) == kDigest,
         "the logits are those of every other CPU; their digest is " + std::string(found));
  expect(run(*tier.table) == expected, tier.name + " gives the logits of the reference");
  std::printf("%s COVERED\n", tier.name.c_str());
}

}  // namespace

}  // namespace octavo::testing

int main() {
  using namespace octavo::testing;
  try {
    for (const octavo::KernelTier& tier : octavo::kernel_tiers()) check_tier(tier);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: %s\n", error.what());
    return 1;
  }
  return 0;
}
