#include "model/decoder.h"

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

/// A layer's part of each page.
void point_at_pages(std::span<std::byte* const> pages, std::size_t offset, Workspace& workspace) {
  workspace.sentence_pages.clear();
  for (const std::byte* page : pages) workspace.sentence_pages.push_back(page + offset);
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
         .feed_forward = FeedForward::load(source, name + ".feed_forward"),
         .own_offset = decoder.own_page_bytes_,
         .source_offset = decoder.source_page_bytes_});
    decoder.own_page_bytes_ += decoder.layers_.back().self_attention.layout().bytes;
    decoder.source_page_bytes_ += decoder.layers_.back().cross_attention.layout().bytes;
  }
  if (config.pre_norm) decoder.norm_ = norm("decoder.norm");
  decoder.output_input_ = Site::load(source.plan, "decoder.output", config.d_model, {"output"});
  decoder.output_ = load_output(source, decoder.output_input_);
  return decoder;
}

std::vector<SentenceRows> Decoder::begin(const PackedTokens& source, Workspace& workspace,
                                         DecoderCache& cache) const {
  const int rows = source.size();
  std::vector<SentenceRows> sentences;
  std::vector<std::byte*> page;
  std::vector<std::uint8_t> position;
  for (int s = 0; s < source.sentences(); ++s) {
    const int length = source.length(s);
    PageList pages(cache.source);
    pages.extend(page_count(length));
    for (int i = 0; i < length; ++i) {
      page.push_back(pages.pages()[static_cast<std::size_t>(i / kPagePositions)]);
      position.push_back(static_cast<std::uint8_t>(i % kPagePositions));
    }
    sentences.emplace_back(std::move(pages), length, cache.own, config_.decoder_start_id);
  }
  const ProductInput input = memory_.prepare(workspace.states.data(), rows, workspace);
  std::size_t offset = 0;
  for (const Layer& layer : layers_) {
    for (std::byte*& start : page) start += layer.source_offset - offset;
    offset = layer.source_offset;
    layer.cross_attention.keep_keys_values(input, page.data(), position.data(), workspace);
  }
  return sentences;
}

float* Decoder::embed(std::span<SentenceRows* const> sentences, int rows, Workspace& workspace) const {
  const std::ptrdiff_t d = config_.d_model;
  float* x = workspace.states.ensure(static_cast<std::size_t>(rows * d));
  float* row = x;
  for (const SentenceRows* sentence : sentences) {
    for (const std::int32_t token : sentence->token()) {
      embedding_.lookup(token, sentence->length() - 1, row, workspace);
      row += d;
    }
  }
  if (config_.embedding_norm) embedding_norm_.apply(x, rows, x, workspace);
  if (workspace.observer != nullptr) {
    workspace.observer->observe("decoder.embedding", x, rows, config_.d_model, d);
  }
  return x;
}

ProductInput Decoder::step(std::span<SentenceRows* const> sentences, Workspace& workspace) const {
  int rows = 0;
  for (const SentenceRows* sentence : sentences) rows += sentence->rows();
  float* x = embed(sentences, rows, workspace);
  ResidualStream stream(config_, x, rows, workspace);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const Attention& self = layer.self_attention;
    self_attention(layer, sentences, stream.enter(self.norm(), self.input()), stream.add(), workspace);
    const Attention& cross = layer.cross_attention;
    stream.leave(self.name(), self.norm(), &cross.input());
    cross_attention(layer, sentences, stream.enter(cross.norm(), cross.input()), stream.add(), workspace);
    const FeedForward& feed_forward = layer.feed_forward;
    stream.leave(cross.name(), cross.norm(), &feed_forward.input());
    feed_forward.apply(stream.enter(feed_forward.norm(), feed_forward.input()), config_.activation,
                       stream.add(), workspace);
    const bool last = i + 1 == layers_.size();
    stream.leave(feed_forward.name(), feed_forward.norm(),
                 last ? &output_input_ : &layers_[i + 1].self_attention.input());
  }
  return stream.enter(norm_, output_input_);
}

void Decoder::self_attention(const Layer& layer, std::span<SentenceRows* const> sentences,
                             const ProductInput& input, const Epilogue& add, Workspace& workspace) const {
  const Attention& attention = layer.self_attention;
  workspace.row_pages.clear();
  workspace.row_positions.clear();
  for (const SentenceRows* sentence : sentences) {
    for (int r = 0; r < sentence->rows(); ++r) {
      const int position = sentence->own_position(r);
      std::byte* page = sentence->pages()[static_cast<std::size_t>(position / kPagePositions)];
      workspace.row_pages.push_back(page + layer.own_offset);
      workspace.row_positions.push_back(static_cast<std::uint8_t>(position % kPagePositions));
    }
  }
  attention.keep_keys_values(input, workspace.row_pages.data(), workspace.row_positions.data(), workspace);
  attention.project_queries(input, workspace);
  int first = 0;
  for (const SentenceRows* sentence : sentences) {
    point_at_pages(sentence->pages(), layer.own_offset, workspace);
    attention.attend(first,
                     {.queries = sentence->rows(),
                      .pages = workspace.sentence_pages.data(),
                      .positions = sentence->positions(),
                      .order = sentence->order(),
                      .order_stride = sentence->length(),
                      .counts = sentence->counts(),
                      .visible = sentence->visible(),
                      .visible_stride = static_cast<std::ptrdiff_t>(sentence->pages().size())},
                     workspace);
    first += sentence->rows();
  }
  attention.project_output(input.rows, add, workspace);
}

void Decoder::cross_attention(const Layer& layer, std::span<SentenceRows* const> sentences,
                              const ProductInput& input, const Epilogue& add, Workspace& workspace) const {
  const Attention& attention = layer.cross_attention;
  attention.project_queries(input, workspace);
  int first = 0;
  for (const SentenceRows* sentence : sentences) {
    point_at_pages(sentence->source_pages(), layer.source_offset, workspace);
    attention.attend(first,
                     {.queries = sentence->rows(),
                      .pages = workspace.sentence_pages.data(),
                      .positions = sentence->source_length()},
                     workspace);
    first += sentence->rows();
  }
  attention.project_output(input.rows, add, workspace);
}

void Decoder::logits(const ProductInput& states, int first, int count, float* logits,
                     Workspace& workspace) const {
  output_.apply_to(first, count, states, logits, workspace);
}

}  // namespace octavo
