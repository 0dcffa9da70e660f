#include "model/decoder.h"

namespace octavo {

namespace {

Linear load_output(const LayerSource& source) {
  const TransformerConfig& config = source.config;
  std::string weight = "output.weight";
  if (config.tied_output)
    weight = config.shared_embeddings ? "encoder.embedding.weight" : "decoder.embedding.weight";
  const std::string bias = config.output_bias ? "output.bias" : "";
  return Linear::load(source.weights, source.kernels, source.precision, config.d_model,
                      {{"output", weight, bias, config.target_vocab_size}});
}

}  // namespace

Decoder Decoder::load(const LayerSource& source) {
  Decoder decoder;
  const TransformerConfig& config = source.config;
  decoder.config_ = config;
  decoder.precision_ = source.precision;
  decoder.embedding_ = load_embedding(source, "decoder");
  const auto norm = [&](const std::string& name) {
    return LayerNorm::load(source.weights.source(), name, config.d_model, config.layer_norm_epsilon);
  };
  if (config.embedding_norm) decoder.embedding_norm_ = norm("decoder.embedding_norm");
  for (int i = 0; i < config.decoder_layers; ++i) {
    const std::string name = "decoder.layers." + std::to_string(i);
    decoder.layers_.push_back({.self_attention = Attention::load(source, name + ".self_attention"),
                               .cross_attention = Attention::load(source, name + ".cross_attention"),
                               .feed_forward = FeedForward::load(source, name + ".feed_forward")});
  }
  if (config.pre_norm) decoder.norm_ = norm("decoder.norm");
  decoder.output_ = load_output(source);
  return decoder;
}

void Decoder::begin(const PackedTokens& source, Workspace& workspace, DecoderCache& cache) const {
  const int rows = source.size();
  cache.source_offsets = source.offsets;
  cache.cross.resize(layers_.size());
  cache.self.resize(layers_.size());
  const ProductInput input =
      prepare_input(workspace.states.data(), rows, config_.d_model, precision_, workspace);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Linear& key_value = layers_[i].cross_attention.key_value;
    const auto size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(key_value.outputs());
    project(key_value, input, cache.cross[i].ensure(size), workspace);
  }
}

void Decoder::step(const DecoderRows& rows, Workspace& workspace, DecoderCache& cache) const {
  const std::ptrdiff_t d = config_.d_model;
  float* x = workspace.states.ensure(static_cast<std::size_t>(rows.size() * d));
  for (int r = 0; r < rows.size(); ++r) {
    embedding_.lookup(rows.token[static_cast<std::size_t>(r)], rows.step, x + r * d, workspace);
  }
  if (config_.embedding_norm) embedding_norm_.apply(x, rows.size(), x, workspace);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    self_attention(i, rows, x, workspace, cache);
    cross_attention(i, rows, x, workspace, cache);
    feed_forward(config_, layers_[i].feed_forward, precision_, x, rows.size(), workspace);
  }
  if (config_.pre_norm) norm_.apply(x, rows.size(), x, workspace);
}

void Decoder::self_attention(std::size_t layer, const DecoderRows& rows, float* x, Workspace& workspace,
                             DecoderCache& cache) const {
  const Attention& attention = layers_[layer].self_attention;
  const std::ptrdiff_t d = config_.d_model;
  const auto step = static_cast<std::size_t>(rows.step);
  const auto size = static_cast<std::size_t>(rows.size() * d);
  residual_sublayer(
      config_, attention.norm, x, rows.size(), workspace, [&](const float* input, const Epilogue& add) {
        std::vector<AlignedBuffer<float>>& steps = cache.self[layer];
        if (steps.size() <= step) steps.resize(step + 1);
        float* query = workspace.query.ensure(size);
        float* context = workspace.context.ensure(size);
        const ProductInput prepared =
            prepare_input(input, rows.size(), config_.d_model, precision_, workspace);
        project(attention.query, prepared, query, workspace);
        project(attention.key_value, prepared, steps[step].ensure(2 * size), workspace);
        AttendRow job = attention_job(config_, rows.step + 1, workspace);
        for (int r = 0; r < rows.size(); ++r) {
          const std::int32_t* ancestors = rows.ancestry.data() + static_cast<std::size_t>(r) * step;
          for (std::size_t j = 0; j < step; ++j) {
            workspace.key_value_rows[j] = steps[j].data() + ancestors[j] * 2 * d;
          }
          workspace.key_value_rows[step] = steps[step].data() + r * 2 * d;
          job.query = query + r * d;
          job.output = context + r * d;
          workspace.kernels->attend(job);
        }
        attention.output.apply(prepare_input(context, rows.size(), config_.d_model, precision_, workspace),
                               add, workspace);
      });
}

void Decoder::cross_attention(std::size_t layer, const DecoderRows& rows, float* x, Workspace& workspace,
                              const DecoderCache& cache) const {
  const Attention& attention = layers_[layer].cross_attention;
  const std::ptrdiff_t d = config_.d_model;
  const auto size = static_cast<std::size_t>(rows.size() * d);
  residual_sublayer(
      config_, attention.norm, x, rows.size(), workspace, [&](const float* input, const Epilogue& add) {
        float* query = workspace.query.ensure(size);
        float* context = workspace.context.ensure(size);
        project(attention.query, prepare_input(input, rows.size(), config_.d_model, precision_, workspace),
                query, workspace);
        AttendRow job;
        int current = -1;
        for (int r = 0; r < rows.size(); ++r) {
          const int sentence = rows.sentence[static_cast<std::size_t>(r)];
          if (sentence != current) {
            current = sentence;
            const int first = cache.source_offsets[static_cast<std::size_t>(sentence)];
            const int end = cache.source_offsets[static_cast<std::size_t>(sentence) + 1];
            job = attention_job(config_, end - first, workspace);
            for (int j = 0; j < job.count; ++j) {
              workspace.key_value_rows[static_cast<std::size_t>(j)] =
                  cache.cross[layer].data() + (first + j) * 2 * d;
            }
          }
          job.query = query + r * d;
          job.output = context + r * d;
          workspace.kernels->attend(job);
        }
        attention.output.apply(prepare_input(context, rows.size(), config_.d_model, precision_, workspace),
                               add, workspace);
      });
}

float* Decoder::logits(int first, int count, Workspace& workspace) const {
  const std::ptrdiff_t d = config_.d_model;
  float* logits = workspace.logits.ensure(static_cast<std::size_t>(count) *
                                          static_cast<std::size_t>(config_.target_vocab_size));
  const float* states = workspace.states.data() + first * d;
  project(output_, prepare_input(states, count, config_.d_model, precision_, workspace), logits, workspace);
  return logits;
}

}  // namespace octavo
