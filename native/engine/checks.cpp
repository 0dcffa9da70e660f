#include "engine/checks.h"

#include <algorithm>
#include <string>

#include "base/errors.h"

namespace octavo {

namespace {

void check_tokens(std::span<const std::int32_t> tokens, int vocabulary, int longest, const char* side) {
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocabulary) {
      throw Error(std::string(side) + " token " + std::to_string(token) + " lies outside the vocabulary of " +
                  std::to_string(vocabulary));
    }
  }
  if (tokens.size() > static_cast<std::size_t>(longest)) {
    throw Error(std::string(side) + " has " + std::to_string(tokens.size()) +
                " tokens; the model takes at most " + std::to_string(longest));
  }
}

}  // namespace

void check_source(const TransformerConfig& config, const std::vector<std::int32_t>& tokens) {
  if (config.is_language_model()) {
    if (!tokens.empty()) throw Error("a language model has no source; give it no source tokens");
    return;
  }
  check_tokens(tokens, config.source_vocab_size, config.max_positions - (config.source_eos ? 1 : 0),
               "source");
  if (tokens.empty() && !config.source_eos) throw Error("source has no tokens");
}

void check_target(const TransformerConfig& config, const std::vector<std::int32_t>& tokens) {
  check_tokens(tokens, config.target_vocab_size, config.max_positions - 1, "target");
}

void check_terms(const TransformerConfig& config, std::size_t source, std::span<const Term> terms,
                 std::span<const std::int32_t> suppressed) {
  const std::string place = "source " + std::to_string(source) + ": ";
  if (terms.size() > kMostTerms)
    throw Error(place + "has " + std::to_string(terms.size()) + " terms; at most " +
                std::to_string(kMostTerms) + " can be met in one translation");
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const std::string name = place + "term " + std::to_string(t);
    if (terms[t].alternatives.empty())
      throw Error(name + " has no alternative; give it a sequence of tokens");
    for (const std::vector<std::int32_t>& tokens : terms[t].alternatives) {
      if (tokens.empty()) throw Error(name + " has an alternative without tokens");
      check_tokens(tokens, config.target_vocab_size, config.max_positions - 1, name.c_str());
      for (const std::int32_t token : tokens) {
        if (token == config.eos_id)
          throw Error(name + " holds EOS, token " + std::to_string(token) + ", which only ends translations");
        if (std::find(suppressed.begin(), suppressed.end(), token) != suppressed.end())
          throw Error(name + " holds token " + std::to_string(token) +
                      ", which is never produced (suppressed_ids)");
      }
    }
  }
}

void check_target_prefix(const TransformerConfig& config, std::size_t source,
                         std::span<const std::int32_t> prefix, int longest) {
  const std::string name = "source " + std::to_string(source) + ": target prefix";
  check_tokens(prefix, config.target_vocab_size, config.max_positions - 1, name.c_str());
  if (std::find(prefix.begin(), prefix.end(), config.eos_id) != prefix.end())
    throw Error(name + " holds EOS, token " + std::to_string(config.eos_id) +
                ", which only ends translations");
  if (!prefix.empty() && prefix.size() >= static_cast<std::size_t>(longest))
    throw Error(name + " has " + std::to_string(prefix.size()) +
                " tokens, which leaves no room for a translation of max_length = " + std::to_string(longest));
}

void check_head(const TransformerConfig& config, const AttentionHead& head) {
  if (config.is_language_model()) throw Error("a language model has no source to align with");
  if (head.layer < 0 || head.layer >= config.decoder_layers || head.head < 0 ||
      head.head >= config.attention_heads) {
    throw Error("layer " + std::to_string(head.layer) + ", head " + std::to_string(head.head) +
                ": the model has " + std::to_string(config.decoder_layers) + " decoder layers of " +
                std::to_string(config.attention_heads) + " heads");
  }
}

void check_text(const TransformerConfig& config, const ScoredText& text) {
  check_tokens(text.tokens, config.target_vocab_size, config.max_positions + 1, "text");
  if (text.scored < 1 || text.scored >= text.tokens.size())
    throw Error(std::to_string(text.scored) + " tokens to score of " + std::to_string(text.tokens.size()) +
                "; at least one, and not the first, can be scored");
}

void check_request(const TransformerConfig& config, const Request& request) {
  check(request.options);
  const std::vector<std::int32_t> suppressed = request.options.suppressed_ids.value_or(config.suppressed_ids);
  check_tokens(suppressed, config.target_vocab_size, config.target_vocab_size, "suppressed_ids");
  const std::size_t sources = request.sources.size();
  if (!request.terms.empty() && request.terms.size() != sources)
    throw Error("there must be terms for every source, or for none; there are " +
                std::to_string(request.terms.size()) + " for " + std::to_string(sources) + " sources");
  if (!request.target_prefixes.empty() && request.target_prefixes.size() != sources)
    throw Error("there must be a target prefix for every source, or for none; there are " +
                std::to_string(request.target_prefixes.size()) + " for " + std::to_string(sources) +
                " sources");
  for (std::size_t i = 0; i < sources; ++i) {
    check_source(config, request.sources[i]);
    check_terms(config, i, request.terms_of(i), suppressed);
    check_target_prefix(config, i, request.target_prefix_of(i), request.options.max_length);
  }
}

TokenSet to_continuations(std::span<const std::int32_t> tokens, const TransformerConfig& config) {
  if (tokens.empty()) return {};
  const int vocabulary = config.target_vocab_size;
  TokenSet set(static_cast<std::size_t>(vocabulary));
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= vocabulary)
      throw Error("continuation " + std::to_string(token) + " lies outside the vocabulary of " +
                  std::to_string(vocabulary));
    set[static_cast<std::size_t>(token)] = true;
  }
  return set;
}

}  // namespace octavo
