// Whole translations in float32 and in int8, on every tier: tokens and scores have the bits that they have on
// every other CPU.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "engine/checks.h"
#include "engine/engine.h"
#include "expect.h"
#include "kernels/registry.h"
#include "model/transformer.h"
#include "random.h"

namespace octavo::testing {

namespace {

using Translations = std::vector<std::vector<Hypothesis>>;

constexpr std::size_t kSentences = 200;
constexpr std::size_t kFew = 10;  // for the reference, which is slow

/// Of the translations of all sentences and of the first few.
struct Digests {
  std::uint64_t all;
  std::uint64_t few;
};
constexpr Digests kFloat32{0x331de561c8aa5511, 0xb78b858fef1f7c24};
constexpr Digests kFloat32Terms{0x91701c2b4754e5cb, 0x98093d4e0e191f80};
constexpr Digests kInt8Terms{0x3ad350ea20b91950, 0xe3263a8da5649d48};
constexpr Digests kInt8{0xf9a828ef1bd6d86c, 0x7156b4eda06aa783};
constexpr Digests kSsruFloat32{0x45b943377c3b5215, 0xea861a911fd7ec44};
constexpr Digests kSsruInt8{0x38953ce33cbfa482, 0x6fefa7046d9fbbc2};

enum class Model { attention, ssru };

TransformerConfig small_config(Model model) {
  TransformerConfig config;
  config.d_model = 72;
  config.ffn_dim = 136;
  config.encoder_layers = 2;
  config.decoder_layers = 2;
  config.attention_heads = 4;
  config.source_vocab_size = config.target_vocab_size = 600;  // more than one chunk of logits
  config.max_positions = 64;
  config.positions = Positions::learned;
  config.activation = Activation::gelu;
  config.eos_id = 3;
  config.decoder_start_id = 2;
  if (model == Model::ssru) {
    config.decoder_mixer = MixerKind::ssru;
    config.norm = NormPlacement::post;
  }
  return config;
}

std::uint64_t fnv1a(std::uint64_t hash, std::uint64_t number) { return (hash ^ number) * 0x100000001b3u; }
constexpr std::uint64_t kEmpty = 0xcbf29ce484222325u;

/// Numbers about as large as a trained model's, the same for a name whoever asks.
class RandomTensors : public TensorSource {
 public:
  RandomTensors(const TransformerConfig& config, bool int8) : config_(config), int8_(int8) {}

  TensorView tensor(const std::string& name) override {
    std::uint64_t seed = kEmpty;
    for (const char letter : name) seed = fnv1a(seed, static_cast<unsigned char>(letter));
    Random random(seed);
    const std::size_t dot = name.rfind('.');
    const std::string owner = name.substr(0, dot);
    const std::string part = name.substr(dot + 1);
    const auto width = static_cast<std::size_t>(config_.d_model);
    if (owner.ends_with("norm")) return floats(width, part == "weight" ? 1.0f : 0.0f, 0.2f, random);
    if (owner.ends_with("positions")) {
      return floats(static_cast<std::size_t>(config_.max_positions) * width, 0.0f, 0.5f, random);
    }
    if (part == "bias") return floats(outputs(owner), 0.0f, 0.1f, random);
    const float largest = std::sqrt(3.0f / static_cast<float>(inputs(owner)));
    if (part == "weight_scale") return floats(outputs(owner), largest / 127, largest / 400, random);
    return int8_ ? bytes(outputs(owner) * inputs(owner), random)
                 : floats(outputs(owner) * inputs(owner), 0.0f, largest, random);
  }

 private:
  std::size_t outputs(const std::string& owner) const {
    if (owner.ends_with("embedding")) return static_cast<std::size_t>(config_.target_vocab_size);
    return static_cast<std::size_t>(owner.ends_with("inner") ? config_.ffn_dim : config_.d_model);
  }
  std::size_t inputs(const std::string& owner) const {
    return static_cast<std::size_t>(owner.ends_with("outer") ? config_.ffn_dim : config_.d_model);
  }

  TensorView floats(std::size_t size, float centre, float spread, Random& random) {
    f32_.resize(size);
    for (float& value : f32_) value = centre + spread * random.unit();
    return {.f32 = f32_.data(), .size = size};
  }
  TensorView bytes(std::size_t size, Random& random) {
    s8_.resize(size);
    for (std::int8_t& value : s8_) value = static_cast<std::int8_t>(random.integer(-127, 127));
    return {.s8 = s8_.data(), .size = size};
  }

  TransformerConfig config_;
  bool int8_;
  std::vector<float> f32_;
  std::vector<std::int8_t> s8_;
};

/// All products in int8, their inputs static or per token by turns.
QuantizationPlan plan_of(const TransformerConfig& config) {
  QuantizationPlan plan;
  for (const std::string side : {"encoder", "decoder"}) {
    for (const std::string layer : {"0", "1"}) {
      const std::string name = side + ".layers." + layer;
      plan.inputs[name + ".self_attention.input"] = {.scale = 0.03f, .zero_point = 128};
      if (side == "decoder") plan.inputs[name + ".ssru.input"] = {.scale = 0.03f, .zero_point = 128};
      plan.inputs[name + ".feed_forward.hidden"] = {.scale = 0.015f, .zero_point = 12};
      for (const std::string attention : {".self_attention", ".cross_attention"}) {
        for (const std::string heads : {".queries", ".keys", ".values"}) {
          plan.heads[name + attention + heads] =
              std::vector<float>(static_cast<std::size_t>(config.attention_heads), 0.02f);
        }
      }
    }
  }
  return plan;
}

std::vector<std::vector<std::int32_t>> sources(std::size_t count) {
  Random random(11);
  std::vector<std::vector<std::int32_t>> found(count);
  for (std::vector<std::int32_t>& sentence : found) {
    for (int length = random.integer(1, 20); length > 0; --length) {
      sentence.push_back(random.integer(4, 599));
    }
  }
  return found;
}

/// Every other sentence has one or two terms: one of two alternatives each, of which one begins another.
std::vector<std::vector<Term>> terms_of(std::size_t count) {
  std::vector<std::vector<Term>> found(count);
  for (std::size_t i = 0; i < count; i += 2) {
    const auto token = static_cast<std::int32_t>(20 + i);
    found[i].push_back({.alternatives = {{token, 500, 7}, {token}}, .whole_words = true});
    if (i % 4 == 0) found[i].push_back({.alternatives = {{token, 501}, {9, 9}}, .whole_words = false});
  }
  return found;
}

/// Tokens from 400 on.
std::vector<std::int32_t> continuations() {
  std::vector<std::int32_t> found;
  for (std::int32_t token = 400; token < small_config(Model::attention).target_vocab_size; ++token)
    found.push_back(token);
  return found;
}

Translations translate(const KernelTable& kernels, Model model, bool int8, bool with_terms,
                       std::size_t count) {
  const TransformerConfig config = small_config(model);
  RandomTensors tensors(config, int8);
  const Arithmetic arithmetic = int8 ? Arithmetic(plan_of(config)) : Arithmetic();
  Engine engine(std::make_shared<const Transformer>(Transformer::load(config, arithmetic, kernels, tensors)),
                nullptr, {}, 1, 1);
  const auto request = std::make_shared<Request>();
  request->sources = sources(count);
  request->options.nbest = 2;
  request->options.max_length = 12;
  if (with_terms) {
    request->options.max_length = 16;
    request->options.no_repeat_ngram = 2;
    request->terms = terms_of(count);
    request->continuations = to_continuations(continuations(), config);
  }
  engine.pool().translate(request, [] { return true; }, false);
  Translations found;
  for (Request::Outcome& outcome : request->outcomes) found.push_back(std::move(outcome.hypotheses));
  return found;
}

std::uint64_t digest(std::span<const std::vector<Hypothesis>> translations) {
  std::uint64_t hash = kEmpty;
  for (const std::vector<Hypothesis>& hypotheses : translations) {
    for (const Hypothesis& hypothesis : hypotheses) {
      for (const std::int32_t token : hypothesis.tokens)
        hash = fnv1a(hash, static_cast<std::uint32_t>(token));
      hash = fnv1a(hash, std::bit_cast<std::uint32_t>(hypothesis.score));
      hash = fnv1a(hash, hypothesis.complete ? 1 : 0);
    }
  }
  return hash;
}

void expect_digest(const std::string& what, std::uint64_t found, std::uint64_t expected) {
  char text[64];
  std::snprintf(text, sizeof text, "0x%016llx, not 0x%016llx", static_cast<unsigned long long>(found),
                static_cast<unsigned long long>(expected));
  expect(found == expected, what + " are those of every other CPU; their digest is " + text);
}

void check_tier(const KernelTier& tier) {
  if (!tier.available()) {
    std::printf("%s SKIPPED: %s\n", tier.name.c_str(), tier.reason.c_str());
    return;
  }
  const bool is_reference = tier.table.get() == &reference_kernels();
  const std::tuple<Model, bool, bool, Digests> checks[] = {
      {Model::attention, false, false, kFloat32},     {Model::attention, true, false, kInt8},
      {Model::attention, false, true, kFloat32Terms}, {Model::attention, true, true, kInt8Terms},
      {Model::ssru, false, true, kSsruFloat32},       {Model::ssru, true, true, kSsruInt8},
  };
  for (const auto& [model, int8, with_terms, digests] : checks) {
    const std::string what = tier.name + "'s translations in " + (int8 ? "int8" : "float32") +
                             (with_terms ? " with terms" : "") + (model == Model::ssru ? " by an SSRU" : "");
    const Translations found =
        translate(*tier.table, model, int8, with_terms, is_reference ? kFew : kSentences);
    expect_digest("the first of " + what, digest(std::span(found).first(kFew)), digests.few);
    if (!is_reference) expect_digest(what, digest(found), digests.all);
  }
  std::printf("%s COVERED\n", tier.name.c_str());
  std::fflush(stdout);
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
