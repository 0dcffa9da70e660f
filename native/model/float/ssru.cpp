#include "model/float/ssru.h"

namespace octavo {

Ssru::Ssru(const LayerSource& source, const std::string& name, DecoderCacheSize& cache)
    : DecoderMixer(source, name, {"candidate", "forget"}),
      width_(source.config.d_model),
      offset_(claim(cache.state_floats, static_cast<std::size_t>(width_))),
      candidate_(load_product(source, name + ".candidate", input(), width_, width_, ProductBias::none)),
      forget_(load_product(source, name + ".forget", input(), width_, width_)) {}

void Ssru::apply(std::span<SentenceRows* const> sentences, const ProductInput& input, const Epilogue& add,
                 Workspace& workspace) const {
  const std::size_t size = static_cast<std::size_t>(input.rows) * static_cast<std::size_t>(width_);
  float* candidate = workspace.candidate.ensure(size);
  float* forget = workspace.forget.ensure(size);
  candidate_.apply(input, {.output = candidate, .output_stride = width_}, workspace);
  forget_.apply(input, {.output = forget, .output_stride = width_}, workspace);
  workspace.row_states.clear();
  for (SentenceRows* sentence : sentences) {
    for (int r = 0; r < sentence->rows(); ++r) workspace.row_states.push_back(sentence->state(r) + offset_);
  }
  workspace.kernels->ssru({.rows = input.rows,
                           .width = width_,
                           .candidate = candidate,
                           .forget = forget,
                           .states = workspace.row_states.data(),
                           .x = add.output,
                           .x_stride = add.output_stride});
}

}  // namespace octavo
