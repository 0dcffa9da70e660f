#pragma once

#include "model/decoder.h"
#include "model/stacks.h"

namespace octavo {

/// The stacks of a language model over one number system.
template <class Numbers>
class DecoderOnly : public Stacks {
 public:
  explicit DecoderOnly(const LayerSource& source)
      : start_(source.config.decoder_start_id), decoder_(Decoder<Numbers>::load(source, nullptr)) {}

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

}  // namespace octavo
