#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"

namespace octavo {

// The options that are one of several words: each enumeration and what octavo.model.config calls its values.

template <class Option>
using Word = std::pair<std::string_view, Option>;

constexpr auto words(Activation) {
  return std::to_array<Word<Activation>>({{"relu", Activation::relu},
                                          {"gelu", Activation::gelu},
                                          {"gelu-tanh", Activation::gelu_tanh},
                                          {"silu", Activation::silu}});
}

enum class NormPlacement : std::uint8_t { pre, post };

constexpr auto words(NormPlacement) {
  return std::to_array<Word<NormPlacement>>({{"pre", NormPlacement::pre}, {"post", NormPlacement::post}});
}

/// A sinusoidal table comes with the tensors, whichever of them it is; without positions it is zero.
enum class Positions : std::uint8_t { sinusoidal, learned };

constexpr auto words(Positions) {
  return std::to_array<Word<Positions>>({{"sinusoidal-interleaved", Positions::sinusoidal},
                                         {"sinusoidal-halves", Positions::sinusoidal},
                                         {"sinusoidal-tensor2tensor", Positions::sinusoidal},
                                         {"none", Positions::sinusoidal},
                                         {"learned", Positions::learned}});
}

/// L1 is that of integer stacks.
enum class NormFunction : std::uint8_t { layer, rms, l1 };

constexpr auto words(NormFunction) {
  return std::to_array<Word<NormFunction>>({{"layer-norm", NormFunction::layer},
                                            {"rms-norm", NormFunction::rms},
                                            {"l1-layer-norm", NormFunction::l1}});
}

/// What looks back at the tokens before in a decoder layer.
enum class MixerKind : std::uint8_t { attention, ssru };

constexpr auto words(MixerKind) {
  return std::to_array<Word<MixerKind>>({{"attention", MixerKind::attention}, {"ssru", MixerKind::ssru}});
}

/// Hyper-parameters as octavo.model.config.ModelConfig defines and checks them.
struct TransformerConfig {
#define OCTAVO_OPTION(type, name, value) type name = value;
#include "model/config_options.def"
#undef OCTAVO_OPTION

  /// A decoder alone: it has no source and no cross-attention.
  bool is_language_model() const { return encoder_layers == 0; }
  bool pre_norm() const { return norm == NormPlacement::pre; }
  int head_dim() const { return attention_head_dim > 0 ? attention_head_dim : d_model / attention_heads; }
  /// Of the queries, keys and values of all heads together.
  int attention_width() const { return attention_heads * head_dim(); }
  /// Of a side, "encoder" or "decoder".
  int vocab_size(const std::string& side) const {
    return side == "encoder" ? source_vocab_size : target_vocab_size;
  }
  /// The tensor of that side's token embeddings.
  std::string embedding_weight(const std::string& side) const {
    return (shared_embeddings ? "encoder" : side) + ".embedding.weight";
  }
  /// The tensor that the output projection multiplies by.
  std::string output_weight() const { return tied_output ? embedding_weight("decoder") : "output.weight"; }
};

}  // namespace octavo
