#pragma once

#include <string>

#include "model/number_system.h"
#include "model/packed_tokens.h"

namespace octavo {

/// The self-attention of an encoder: every token of a sentence sees all of them. Nothing is kept.
template <NumberSystem Numbers>
class EncoderAttention : public Sublayer<typename Numbers::Rows> {
 public:
  EncoderAttention(const LayerSource& source, const std::string& name)
      : Sublayer<typename Numbers::Rows>(source, name, {"query", "key", "value"}),
        attention_(source, name, this->input(), this->input()) {}

  void apply(const PackedTokens& source, const ProductInput& input, const typename Numbers::Rows::Target& add,
             Workspace& workspace) const;

 private:
  typename Numbers::Attention attention_;
};

template <NumberSystem Numbers>
void EncoderAttention<Numbers>::apply(const PackedTokens& source, const ProductInput& input,
                                      const typename Numbers::Rows::Target& add, Workspace& workspace) const {
  const std::size_t page_bytes = attention_.layout().bytes;
  workspace.row_pages.clear();
  workspace.row_positions.clear();
  std::size_t pages = 0;
  for (int s = 0; s < source.sentences(); ++s) pages += page_count(source.length(s));
  std::byte* page = workspace.pages.ensure(pages * page_bytes);
  for (int s = 0; s < source.sentences(); ++s) {
    const int length = source.length(s);
    for (int i = 0; i < length; ++i) {
      workspace.row_pages.push_back(page + static_cast<std::size_t>(i / kPagePositions) * page_bytes);
      workspace.row_positions.push_back(static_cast<std::uint8_t>(i % kPagePositions));
    }
    page += page_count(length) * page_bytes;
  }
  attention_.keep_keys_values(input, workspace.row_pages.data(), workspace.row_positions.data(), workspace);
  attention_.project_queries(input, workspace);
  page = workspace.pages.data();
  for (int s = 0; s < source.sentences(); ++s) {
    workspace.sentence_pages.clear();
    const int length = source.length(s);
    for (std::size_t p = 0; p < page_count(length); ++p, page += page_bytes)
      workspace.sentence_pages.push_back(page);
    typename Numbers::Attention::Job job{
        .queries = length, .pages = workspace.sentence_pages.data(), .positions = length};
    put_bias(job, static_cast<std::size_t>(s), workspace);
    attention_.attend(source.offsets[static_cast<std::size_t>(s)], job, workspace);
  }
  attention_.project_output(input.rows, add, workspace);
}

}  // namespace octavo
