#include "random_model.h"

namespace octavo::testing {

namespace {

std::uint64_t seed_of(const std::string& name) {
  return fnv1a(name, [](char letter) { return static_cast<unsigned char>(letter); });
}

/// A tensor's name: "decoder.norm.weight" is the weight of decoder.norm.
struct Name {
  explicit Name(const std::string& name)
      : owner(name.substr(0, name.rfind('.'))), part(name.substr(name.rfind('.') + 1)) {}

  bool is_norm() const { return owner.ends_with("norm"); }

  std::string owner;
  std::string part;
};

int integer_shift(const std::string& owner) {
  if (owner.ends_with("embedding")) return -4;
  return owner == "output" || owner.ends_with("outer") || owner.ends_with("attention.output") ? 4 : 7;
}

/// One of the values `make` gives, for each of `values`.
template <typename T, class Make>
const T* filled(std::vector<T>& values, std::size_t size, Make make) {
  values.resize(size);
  for (T& value : values) value = static_cast<T>(make());
  return values.data();
}

}  // namespace

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

std::size_t RandomTensors::outputs(const std::string& owner) const {
  if (owner.ends_with("embedding") || owner == "output")
    return static_cast<std::size_t>(config_.source_vocab_size);
  return static_cast<std::size_t>(owner.ends_with("inner") ? config_.ffn_dim : config_.d_model);
}

std::size_t RandomTensors::inputs(const std::string& owner) const {
  return static_cast<std::size_t>(owner.ends_with("outer") ? config_.ffn_dim : config_.d_model);
}

TensorView RandomTensors::f32(std::size_t size, float low, float high, Random& random) {
  const auto number = [&] { return low + (high - low) * 0.5f * (random.unit() + 1.0f); };
  return {.f32 = filled(f32_, size, number), .size = size};
}

TensorView RandomTensors::s8(std::size_t size, int low, int high, Random& random) {
  return {.s8 = filled(s8_, size, [&] { return random.integer(low, high); }), .size = size};
}

TensorView RandomTensors::s16(std::size_t size, int largest, Random& random) {
  return {.s16 = filled(s16_, size, [&] { return random.integer(-largest, largest); }), .size = size};
}

TensorView RandomTensors::s32(std::size_t size, int low, int high, Random& random) {
  return {.s32 = filled(s32_, size, [&] { return random.integer(low, high); }), .size = size};
}

TensorView RandomIntegers::tensor(const std::string& name) {
  Random random(seed_of(name));
  const Name of(name);
  const auto width = static_cast<std::size_t>(config_.d_model);
  const auto heads = static_cast<std::size_t>(config_.attention_heads);
  const auto& [owner, part] = of;
  if (owner.ends_with("positions"))
    return s16(static_cast<std::size_t>(config_.max_positions) * width, 400, random);
  if (of.is_norm() && part == "weight") return s16(width, 8000, random);
  if (part == "weight") return s8(outputs(owner) * inputs(owner), -90, 90, random);
  if (part == "multiplier") return s32(outputs(owner), 1 << 30, 2'147'483'647, random);
  if (of.is_norm() && part == "shift") return s8(1, 17, 17, random);
  if (part == "shift") return s8(outputs(owner), integer_shift(owner) - 1, integer_shift(owner) + 1, random);
  if (of.is_norm()) return s32(width, -1'000'000, 1'000'000, random);
  if (part == "delta" || part == "context_multiplier") return s32(heads, 1 << 30, 2'147'483'647, random);
  if (part == "delta_shift") return s8(heads, 18, 24, random);
  if (part == "context_exponent") return s8(heads, -31, -31, random);
  return s32(owner.ends_with("polynomial") ? heads : outputs(owner), -5000, 5000, random);
}

TensorView RandomFloats::tensor(const std::string& name) {
  Random random(seed_of(name));
  const Name of(name);
  const auto& [owner, part] = of;
  const auto width = static_cast<std::size_t>(config_.d_model);
  if (name == "positions") return f32(static_cast<std::size_t>(config_.max_positions) * width, -1, 1, random);
  if (of.is_norm())
    return part == "weight" ? f32(width, 0.5f, 1.5f, random) : f32(width, -0.5f, 0.5f, random);
  if (part == "weight_scale") return f32(outputs(owner), 0.002f, 0.004f, random);
  if (part == "bias") return f32(outputs(owner), -0.1f, 0.1f, random);
  const std::size_t size = outputs(owner) * inputs(owner);
  return quantized_ ? s8(size, -127, 127, random) : f32(size, -0.4f, 0.4f, random);
}

}  // namespace octavo::testing
