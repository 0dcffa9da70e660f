#pragma once

#include <utility>

#include "model/decoder.h"
#include "model/encoder.h"
#include "model/stacks.h"

namespace octavo {

/// The stacks of one number system.
template <class Numbers>
class EncoderDecoder : public Stacks {
 public:
  explicit EncoderDecoder(const LayerSource& source)
      : encoder_(Encoder<Numbers>::load(source)),
        decoder_(Decoder<Numbers>::load(source, &encoder_.output())) {}

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

}  // namespace octavo
