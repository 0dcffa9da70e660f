#pragma once

#include <string>

#include "model/decoder_cache.h"
#include "model/float/rows.h"
#include "model/sublayer.h"

namespace octavo {

/// The simpler simple recurrent unit (Kim et al. 2019; docs/numerics.md, "SSRU"): a decoder's memory is one
/// state of d_model floats.
class Ssru : public DecoderMixer<FloatRows> {
 public:
  Ssru(const LayerSource& source, const std::string& name, DecoderCacheSize& cache);

  void apply(std::span<SentenceRows* const> sentences, const ProductInput& input, const Epilogue& add,
             Workspace& workspace) const override;

 private:
  int width_;
  std::size_t offset_;  // of its part of a state
  Linear candidate_;
  Linear forget_;
};

}  // namespace octavo
