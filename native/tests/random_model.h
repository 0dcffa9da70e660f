#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/transformer.h"
#include "random.h"

namespace octavo::testing {

/// FNV-1a of `items`, each as a number.
template <class Items, class Number>
std::uint64_t fnv1a(const Items& items, Number number) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const auto& item : items) hash = (hash ^ number(item)) * 0x100000001b3u;
  return hash;
}

/// A translation model of 100 tokens, 40 wide, with two layers on each side.
TransformerConfig small_config();

/// Tensors of random numbers, the same for a name whoever asks.
class RandomTensors : public TensorSource {
 public:
  explicit RandomTensors(const TransformerConfig& config) : config_(config) {}

 protected:
  std::size_t outputs(const std::string& owner) const;
  std::size_t inputs(const std::string& owner) const;

  TensorView f32(std::size_t size, float low, float high, Random& random);
  TensorView s8(std::size_t size, int low, int high, Random& random);
  TensorView s16(std::size_t size, int largest, Random& random);
  TensorView s32(std::size_t size, int low, int high, Random& random);

  TransformerConfig config_;

 private:
  std::vector<float> f32_;
  std::vector<std::int8_t> s8_;
  std::vector<std::int16_t> s16_;
  std::vector<std::int32_t> s32_;
};

/// A model of integers, whose activations are as large as a trained model's.
class RandomIntegers : public RandomTensors {
 public:
  using RandomTensors::RandomTensors;
  TensorView tensor(const std::string& name) override;
};

/// A model of floats; its matrices are int8 where it is quantized.
class RandomFloats : public RandomTensors {
 public:
  RandomFloats(const TransformerConfig& config, bool quantized)
      : RandomTensors(config), quantized_(quantized) {}
  TensorView tensor(const std::string& name) override;

 private:
  bool quantized_;
};

}  // namespace octavo::testing
