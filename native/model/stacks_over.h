#pragma once

#include <memory>
#include <utility>

#include "model/decoder.h"
#include "model/encoder.h"
#include "model/stacks.h"

namespace octavo {

/// The stacks of a translation model over one number system.
template <NumberSystem Numbers>
class EncoderDecoder : public Stacks {
 public:
  explicit EncoderDecoder(const LayerSource& source)
      : encoder_(source), decoder_(source, &encoder_.output()) {}

  DecoderCache make_cache() const override { return decoder_.make_cache(); }

  std::vector<SentenceRows> begin(const PackedTokens& source, Workspace& workspace,
                                  DecoderCache& cache) const override {
    return decoder_.begin(source, encoder_.forward(source, workspace), workspace, cache);
  }

  ProductInput step(std::span<SentenceRows* const> sentences, Workspace& workspace) const override {
    return decoder_.step(sentences, workspace);
  }

  const OutputProjection& output() const override { return decoder_.output(); }

 private:
  Encoder<Numbers> encoder_;
  Decoder<Numbers> decoder_;
};

/// The stacks of a language model over one number system.
template <NumberSystem Numbers>
class DecoderOnly : public Stacks {
 public:
  explicit DecoderOnly(const LayerSource& source)
      : start_(source.config.decoder_start_id), decoder_(source, nullptr) {}

  DecoderCache make_cache() const override { return decoder_.make_cache(); }

  std::vector<SentenceRows> begin(const PackedTokens& source, Workspace&,
                                  DecoderCache& cache) const override {
    std::vector<SentenceRows> texts;
    for (int s = 0; s < source.sentences(); ++s) texts.push_back(begin_text(start_, cache));
    return texts;
  }

  ProductInput step(std::span<SentenceRows* const> texts, Workspace& workspace) const override {
    return decoder_.step(texts, workspace);
  }

  const OutputProjection& output() const override { return decoder_.output(); }

 private:
  std::int32_t start_;
  Decoder<Numbers> decoder_;
};

/// The stacks of a model over one number system.
template <NumberSystem Numbers>
std::unique_ptr<const Stacks> load_stacks(const LayerSource& source) {
  if (source.config.is_language_model()) return std::make_unique<const DecoderOnly<Numbers>>(source);
  return std::make_unique<const EncoderDecoder<Numbers>>(source);
}

}  // namespace octavo
