#pragma once

#include <memory>
#include <span>
#include <vector>

#include "model/decoder_cache.h"
#include "model/output_projection.h"
#include "model/packed_tokens.h"
#include "model/sentence_rows.h"

namespace octavo {

struct LayerSource;

/// The first row of a text without a source, as a language model reads it: it is fed `first`.
inline SentenceRows begin_text(std::int32_t first, DecoderCache& cache) {
  return {PageList(cache.source), 0, cache, first};
}

/// A model's encoder and decoder stacks as the search sees them, whatever numbers they compute with. A
/// language model has the decoder alone.
class Stacks {
 public:
  virtual ~Stacks() = default;

  virtual DecoderCache make_cache() const = 0;

  /// Encodes the sentences, keeps the cross-attention's keys and values, and makes each one's first row, fed
  /// decoder_start_id. A language model has no use for their tokens.
  virtual std::vector<SentenceRows> begin(const PackedTokens& source, Workspace& workspace,
                                          DecoderCache& cache) const = 0;

  /// One step of all rows of all sentences, one after the other. Returns what `output` reads, valid until the
  /// next step.
  virtual ProductInput step(std::span<SentenceRows* const> sentences, Workspace& workspace) const = 0;

  /// The projection onto the target vocabulary.
  virtual const OutputProjection& output() const = 0;
};

/// float32 and int8.
std::unique_ptr<const Stacks> load_float_stacks(const LayerSource& source);
/// integer.
std::unique_ptr<const Stacks> load_integer_stacks(const LayerSource& source);

}  // namespace octavo
