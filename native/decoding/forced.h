#pragma once

#include <cstdint>
#include <vector>

#include "model/transformer.h"

namespace octavo {

/// A source, without EOS, and the target that the decoder is fed after decoder_start_id. Tokens are checked
/// by the caller.
struct ForcedPair {
  std::vector<std::int32_t> source;
  std::vector<std::int32_t> target;
};

/// For every pair the logits [target tokens + 1, vocabulary]. All pairs share one batch, so memory bounds
/// their number. `trace`, when given, receives every weight product that is not float32.
std::vector<std::vector<float>> forced_logits(const Transformer& model, const std::vector<ForcedPair>& pairs,
                                              Trace* trace = nullptr);

/// Shows `observer` every site of a float32 model while it is fed the pairs.
void observe_forced(const Transformer& model, const std::vector<ForcedPair>& pairs, Observer& observer);

/// For every pair the weights [heads, target tokens + 1, source tokens] that the heads, checked by the
/// caller, give the source, EOS included, when they are fed the pairs.
std::vector<std::vector<std::uint8_t>> forced_attention(const Transformer& model,
                                                        const std::vector<ForcedPair>& pairs,
                                                        const std::vector<AttentionHead>& heads);

}  // namespace octavo
