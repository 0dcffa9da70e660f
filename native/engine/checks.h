#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "decoding/request.h"
#include "decoding/text_scoring.h"
#include "model/config.h"
#include "ops/inspection.h"

namespace octavo {

/// Throws Error unless every id is in the vocabulary and the length, EOS included, within max_positions.
void check_source(const TransformerConfig& config, const std::vector<std::int32_t>& tokens);

/// The same for a decoder prefix after decoder_start_id.
void check_target(const TransformerConfig& config, const std::vector<std::int32_t>& tokens);

/// Throws Error unless a translation of source number `source` can contain the terms, where `suppressed`
/// tokens are never produced.
void check_terms(const TransformerConfig& config, std::size_t source, std::span<const Term> terms,
                 std::span<const std::int32_t> suppressed);

/// Throws Error unless translations of source number `source`, that have at most `longest` tokens with EOS,
/// can begin with the prefix.
void check_target_prefix(const TransformerConfig& config, std::size_t source,
                         std::span<const std::int32_t> prefix, int longest);

/// Throws Error unless the model has that head of cross-attention.
void check_head(const TransformerConfig& config, const AttentionHead& head);

/// Throws Error unless a language model can score the text.
void check_text(const TransformerConfig& config, const ScoredText& text);

/// Throws Error unless a translation model can do what is wanted.
void check_request(const TransformerConfig& config, const Request& request);

/// Tokens that continue a word, as searches have them. Throws Error for one outside the vocabulary.
TokenSet to_continuations(std::span<const std::int32_t> tokens, const TransformerConfig& config);

}  // namespace octavo
