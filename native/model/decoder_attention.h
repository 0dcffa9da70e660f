#pragma once

#include <span>
#include <string>

#include "model/decoder_cache.h"
#include "model/number_system.h"

namespace octavo {

/// Adds a layer's part of each page to the workspace's pages of one sentence.
inline void point_at_pages(std::span<std::byte* const> pages, std::size_t offset, Workspace& workspace) {
  workspace.sentence_pages.clear();
  for (const std::byte* page : pages) workspace.sentence_pages.push_back(page + offset);
}

/// The self-attention of a decoder, which keeps a key and a value of every row of every step.
template <NumberSystem Numbers>
class DecoderAttention : public DecoderMixer<typename Numbers::Rows> {
 public:
  DecoderAttention(const LayerSource& source, const std::string& name, DecoderCacheSize& cache)
      : DecoderMixer<typename Numbers::Rows>(source, name, {"query", "key", "value"}),
        attention_(source, name, this->input(), this->input()),
        offset_(claim(cache.own_page_bytes, attention_.layout().bytes)) {}

  void apply(std::span<SentenceRows* const> sentences, const ProductInput& input,
             const typename Numbers::Rows::Target& add, Workspace& workspace) const override;

 private:
  typename Numbers::Attention attention_;
  std::size_t offset_;  // of its part of a page
};

template <NumberSystem Numbers>
void DecoderAttention<Numbers>::apply(std::span<SentenceRows* const> sentences, const ProductInput& input,
                                      const typename Numbers::Rows::Target& add, Workspace& workspace) const {
  workspace.row_pages.clear();
  workspace.row_positions.clear();
  for (const SentenceRows* sentence : sentences) {
    for (int r = 0; r < sentence->rows(); ++r) {
      const int position = sentence->own_position(r);
      std::byte* page = sentence->pages()[static_cast<std::size_t>(position / kPagePositions)];
      workspace.row_pages.push_back(page + offset_);
      workspace.row_positions.push_back(static_cast<std::uint8_t>(position % kPagePositions));
    }
  }
  attention_.keep_keys_values(input, workspace.row_pages.data(), workspace.row_positions.data(), workspace);
  attention_.project_queries(input, workspace);
  int first = 0;
  for (std::size_t s = 0; s < sentences.size(); ++s) {
    const SentenceRows* sentence = sentences[s];
    point_at_pages(sentence->pages(), offset_, workspace);
    typename Numbers::Attention::Job job{
        .queries = sentence->rows(),
        .pages = workspace.sentence_pages.data(),
        .positions = sentence->positions(),
        .order = sentence->order(),
        .order_stride = sentence->length(),
        .counts = sentence->counts(),
        .visible = sentence->visible(),
        .visible_stride = static_cast<std::ptrdiff_t>(sentence->pages().size())};
    put_bias(job, s, workspace);
    attention_.attend(first, job, workspace);
    first += sentence->rows();
  }
  attention_.project_output(input.rows, add, workspace);
}

}  // namespace octavo
