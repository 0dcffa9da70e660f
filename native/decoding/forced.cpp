#include "decoding/forced.h"

namespace octavo {

std::vector<float> forced_logits(const Transformer& model, const std::vector<std::int32_t>& source,
                                 const std::vector<std::int32_t>& target, Trace* trace) {
  Workspace workspace(model.kernels);
  workspace.trace = trace;
  DecoderCache cache;
  PackedTokens packed;
  packed.add(source, model.config.source_eos ? &model.config.eos_id : nullptr);
  model.encoder.forward(packed, workspace);
  model.decoder.begin(packed, workspace, cache);
  std::vector<float> logits;
  DecoderRows rows{.step = 0, .token = {model.config.decoder_start_id}, .sentence = {0}, .ancestry = {}};
  for (std::size_t step = 0; step <= target.size(); ++step) {
    model.decoder.step(rows, workspace, cache);
    const float* row = model.decoder.logits(0, 1, workspace);
    logits.insert(logits.end(), row, row + model.config.target_vocab_size);
    if (step == target.size()) break;
    rows.token[0] = target[step];
    rows.ancestry.push_back(0);
    ++rows.step;
  }
  return logits;
}

}  // namespace octavo
