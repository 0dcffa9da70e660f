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

namespace octavo::testing {

namespace {

constexpr int kSteps = 20;                             // more than a page has positions
constexpr std::uint64_t kDigest = 0x5a2f43bdf5efddd7;  // of all logits, on every CPU

TransformerConfig small_config() {
  TransformerConfig config;
  config.d_model = 40;
  config.ffn_dim = 72;
  config.encoder_layers = 2;
  config.decoder_layers = 2;
  config.attention_heads = 2;
  config.source_vocab_size = config.target_vocab_size = 100;
  config.max_positions = 64;
  return config;
}

/// FNV-1a of `items`, each as a number.
template <class Items, class Number>
std::uint64_t fnv1a(const Items& items, Number number) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const auto& item : items) hash = (hash ^ number(item)) * 0x100000001b3u;
  return hash;
}

std::uint64_t seed_of(const std::string& name) {
  return fnv1a(name, [](char letter) { return static_cast<unsigned char>(letter); });
}

/// Integers that keep activations as large as a trained model's, the same for a name whoever asks.
class RandomIntegers : public TensorSource {
 public:
  explicit RandomIntegers(const TransformerConfig& config) : config_(config) {}

  TensorView tensor(const std::string& name) override {
    Random random(seed_of(name));
    const std::size_t dot = name.rfind('.');
    const std::string owner = name.substr(0, dot);
    const std::string part = name.substr(dot + 1);
    const auto width = static_cast<std::size_t>(config_.d_model);
    const bool is_norm = owner.ends_with("norm");
    if (owner.ends_with("positions"))
      return s16(static_cast<std::size_t>(config_.max_positions) * width, 400, random);
    if (is_norm && part == "weight") return s16(width, 8000, random);
    if (part == "weight") return s8(outputs(owner) * inputs(owner), -90, 90, random);
    if (part == "multiplier") return s32(outputs(owner), 1 << 30, 2'147'483'647, random);
    if (is_norm && part == "shift") return s8(1, 17, 17, random);
    if (part == "shift") return s8(outputs(owner), shift(owner) - 1, shift(owner) + 1, random);
    if (is_norm) return s32(width, -1'000'000, 1'000'000, random);
    const auto heads = static_cast<std::size_t>(config_.attention_heads);
    if (part == "delta" || part == "context_multiplier") return s32(heads, 1 << 30, 2'147'483'647, random);
    if (part == "delta_shift") return s8(heads, 18, 24, random);
    if (part == "context_exponent") return s8(heads, -31, -31, random);
    return s32(owner.ends_with("polynomial") ? heads : outputs(owner), -5000, 5000, random);
  }

 private:
  std::size_t outputs(const std::string& owner) const {
    if (owner.ends_with("embedding") || owner == "output")
      return static_cast<std::size_t>(config_.source_vocab_size);
    return static_cast<std::size_t>(owner.ends_with("inner") ? config_.ffn_dim : config_.d_model);
  }

  std::size_t inputs(const std::string& owner) const {
    return static_cast<std::size_t>(owner.ends_with("outer") ? config_.ffn_dim : config_.d_model);
  }

  static int shift(const std::string& owner) {
    if (owner.ends_with("embedding")) return -4;
    return owner == "output" || owner.ends_with("outer") || owner.ends_with("attention.output") ? 4 : 7;
  }

  TensorView s8(std::size_t size, int low, int high, Random& random) {
    s8_.resize(size);
    for (std::int8_t& value : s8_) value = static_cast<std::int8_t>(random.integer(low, high));
    return {.s8 = s8_.data(), .size = size};
  }

  TensorView s16(std::size_t size, int largest, Random& random) {
    s16_.resize(size);
    for (std::int16_t& value : s16_) value = static_cast<std::int16_t>(random.integer(-largest, largest));
    return {.s16 = s16_.data(), .size = size};
  }

  TensorView s32(std::size_t size, int low, int high, Random& random) {
    s32_.resize(size);
    for (std::int32_t& value : s32_) value = random.integer(low, high);
    return {.s32 = s32_.data(), .size = size};
  }

  TransformerConfig config_;
  std::vector<std::int8_t> s8_;
  std::vector<std::int16_t> s16_;
  std::vector<std::int32_t> s32_;
};

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
  return all;
}

std::uint64_t digest(const std::vector<float>& logits) {
  return fnv1a(logits, [](float logit) { return std::bit_cast<std::uint32_t>(logit); });
}

void check_tier(const KernelTier& tier) {
  if (!tier.available) {
    std::printf("%s SKIPPED: not on this CPU\n", tier.table->name);
    return;
  }
  static const std::vector<float> expected = run(*kernel_tiers().front().table);
  double spread = 0;
  for (const float logit : expected) spread += std::abs(logit);
  expect(spread > static_cast<double>(expected.size()), "the logits say something");
  char found[32];
  std::snprintf(found, sizeof found, "0x%016llx", static_cast<unsigned long long>(digest(expected)));
  expect(digest(expected) == kDigest,
         "the logits are those of every other CPU; their digest is " + std::string(found));
  expect(run(*tier.table) == expected, std::string(tier.table->name) + " gives the logits of the reference");
  std::printf("%s COVERED\n", tier.table->name);
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
