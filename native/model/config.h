#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace octavo {

/// Hyper-parameters as octavo.model.config.ModelConfig defines and checks them.
struct TransformerConfig {
  int d_model = 0;
  int ffn_dim = 0;
  int encoder_layers = 0;
  int decoder_layers = 0;
  int attention_heads = 0;
  int source_vocab_size = 0;
  int target_vocab_size = 0;
  int max_positions = 0;
  int position_offset = 0;
  bool learned_positions = false;
  bool pre_norm = true;
  Activation activation = Activation::relu;
  bool scale_embeddings = true;
  bool embedding_norm = false;
  bool shared_embeddings = true;
  bool tied_output = true;
  bool output_bias = false;
  float layer_norm_epsilon = 1e-5f;
  std::int32_t eos_id = 0;
  std::int32_t decoder_start_id = 0;
  std::vector<std::int32_t> suppressed_ids;
  bool source_eos = true;
  int polynomial_degree = 3;  // integer stacks

  /// A decoder alone: it has no source and no cross-attention.
  bool is_language_model() const { return encoder_layers == 0; }
  int head_dim() const { return d_model / attention_heads; }
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
