#include "model/decoder.h"

#include <algorithm>

namespace octavo {

namespace {

/// The encoder's output, as the cross-attention of every layer reads it.
Site load_memory(const LayerSource& source) {
  std::vector<std::string> readers;
  for (int i = 0; i < source.config.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i) + ".cross_attention";
    readers.insert(readers.end(), {name + ".key", name + ".value"});
  }
  return Site::load(source.plan, "encoder.output", source.config.d_model, readers);
}

Linear load_output(const LayerSource& source, const Site& site) {
  const TransformerConfig& config = source.config;
  std::string weight = "output.weight";
  if (config.tied_output)
    weight = config.shared_embeddings ? "encoder.embedding.weight" : "decoder.embedding.weight";
  const std::string bias = config.output_bias ? "output.bias" : "";
  return Linear::load(
      source.weights, source.kernels, source.plan, "output", site,
      {.weight = weight, .bias = bias, .inputs = config.d_model, .outputs = config.target_vocab_size});
}

}  // namespace

Decoder Decoder::load(const LayerSource& source) {
  Decoder decoder;
  const TransformerConfig& config = source.config;
  decoder.config_ = config;
  decoder.memory_ = load_memory(source);
  decoder.embedding_ = load_embedding(source, "decoder");
  const auto norm = [&](const std::string& name) {
    return LayerNorm::load(source.weights.source(), name, config.d_model, config.layer_norm_epsilon);
  };
  if (config.embedding_norm) decoder.embedding_norm_ = norm("decoder.embedding_norm");
  for (int i = 0; i < config.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i);
    decoder.layers_.push_back(
        {.self_attention = Attention::load_self(source, name + ".self_attention"),
         .cross_attention = Attention::load_cross(source, name + ".cross_attention", decoder.memory_),
         .feed_forward = FeedForward::load(source, name + ".feed_forward")});
  }
  if (config.pre_norm) decoder.norm_ = norm("decoder.norm");
  decoder.output_input_ = Site::load(source.plan, "decoder.output", config.d_model, {"output"});
  decoder.output_ = load_output(source, decoder.output_input_);
  return decoder;
}

void Decoder::begin(const PackedTokens& source, Workspace& workspace, DecoderCache& cache) const {
  const int rows = source.size();
  cache.source_offsets = source.offsets;
  cache.cross.resize(layers_.size());
  cache.self.resize(layers_.size());
  const ProductInput input = memory_.prepare(workspace.states.data(), rows, workspace);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Attention& attention = layers_[i].cross_attention;
    std::byte* key_value = cache.cross[i].ensure(static_cast<std::size_t>(rows) * attention.row_bytes());
    attention.project_keys_values(input, key_value, workspace);
  }
}

ProductInput Decoder::step(const DecoderRows& rows, Workspace& workspace, DecoderCache& cache) const {
  const std::ptrdiff_t d = config_.d_model;
  float* x = workspace.states.ensure(static_cast<std::size_t>(rows.size() * d));
  for (int r = 0; r < rows.size(); ++r) {
    embedding_.lookup(rows.token[static_cast<std::size_t>(r)], rows.step, x + r * d, workspace);
  }
  if (config_.embedding_norm) embedding_norm_.apply(x, rows.size(), x, workspace);
  if (workspace.observer != nullptr) {
    workspace.observer->observe("decoder.embedding", x, rows.size(), config_.d_model, d);
  }
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    self_attention(i, rows, x, workspace, cache);
    cross_attention(i, rows, x, workspace, cache);
    layers_[i].feed_forward.apply(config_, x, rows.size(), workspace);
  }
  if (!config_.pre_norm) return output_input_.prepare(x, rows.size(), workspace);
  return norm_.apply(x, rows.size(), output_input_, workspace.normalized, workspace);
}

void Decoder::self_attention(std::size_t layer, const DecoderRows& rows, float* x, Workspace& workspace,
                             DecoderCache& cache) const {
  const Attention& attention = layers_[layer].self_attention;
  const std::size_t row_bytes = attention.row_bytes();
  const auto step = static_cast<std::size_t>(rows.step);
  residual_sublayer(
      config_, attention.name(), attention.norm(), attention.input(), x, rows.size(), workspace,
      [&](const ProductInput& input, const Epilogue& add) {
        std::vector<AlignedBuffer<std::byte>>& steps = cache.self[layer];
        if (steps.size() <= step) steps.resize(step + 1);
        std::byte* current = steps[step].ensure(static_cast<std::size_t>(rows.size()) * row_bytes);
        attention.project_keys_values(input, current, workspace);
        attention.project_queries(input, workspace);
        std::vector<const std::byte*>& key_value = workspace.key_value_rows;
        key_value.resize(std::max(key_value.size(), step + 1));
        for (int r = 0; r < rows.size(); ++r) {
          const std::int32_t* ancestors = rows.ancestry.data() + static_cast<std::size_t>(r) * step;
          for (std::size_t j = 0; j < step; ++j) {
            key_value[j] = steps[j].data() + static_cast<std::size_t>(ancestors[j]) * row_bytes;
          }
          key_value[step] = current + static_cast<std::size_t>(r) * row_bytes;
          attention.attend(r, rows.step + 1, workspace);
        }
        attention.project_output(rows.size(), add, workspace);
      });
}

void Decoder::cross_attention(std::size_t layer, const DecoderRows& rows, float* x, Workspace& workspace,
                              const DecoderCache& cache) const {
  const Attention& attention = layers_[layer].cross_attention;
  const std::size_t row_bytes = attention.row_bytes();
  residual_sublayer(config_, attention.name(), attention.norm(), attention.input(), x, rows.size(), workspace,
                    [&](const ProductInput& input, const Epilogue& add) {
                      attention.project_queries(input, workspace);
                      int current = -1;
                      int length = 0;
                      for (int r = 0; r < rows.size(); ++r) {
                        const int sentence = rows.sentence[static_cast<std::size_t>(r)];
                        if (sentence != current) {
                          current = sentence;
                          const int first = cache.source_offsets[static_cast<std::size_t>(sentence)];
                          length = cache.source_offsets[static_cast<std::size_t>(sentence) + 1] - first;
                          point_at_rows(
                              cache.cross[layer].data() + static_cast<std::size_t>(first) * row_bytes,
                              row_bytes, length, workspace.key_value_rows);
                        }
                        attention.attend(r, length, workspace);
                      }
                      attention.project_output(rows.size(), add, workspace);
                    });
}

void Decoder::logits(const ProductInput& states, int first, int count, float* logits,
                     Workspace& workspace) const {
  output_.apply_to(first, count, states, logits, workspace);
}

}  // namespace octavo
