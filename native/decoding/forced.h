#pragma once

#include <cstdint>
#include <vector>

#include "model/transformer.h"

namespace octavo {

/// Logits [target tokens + 1, vocabulary] of the decoder when it is fed decoder_start_id and then `target`.
/// Tokens are checked by the caller. `trace`, when given, receives every int8 product.
std::vector<float> forced_logits(const Transformer& model, const std::vector<std::int32_t>& source,
                                 const std::vector<std::int32_t>& target, Trace* trace = nullptr);

}  // namespace octavo
