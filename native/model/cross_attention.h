#pragma once

#include <span>
#include <string>
#include <vector>

#include "model/decoder_attention.h"

namespace octavo {

/// The attention of a decoder to the encoder's output, whose keys and values are kept per sentence.
template <NumberSystem Numbers>
class CrossAttention : public Sublayer<typename Numbers::Rows> {
 public:
  /// `layer` is the number of its layer, `memory` the site of the encoder's output.
  CrossAttention(const LayerSource& source, const std::string& name, int layer,
                 const typename Numbers::Rows::Site& memory, DecoderCacheSize& cache)
      : Sublayer<typename Numbers::Rows>(source, name, {"query"}),
        layer_(layer),
        attention_(source, name, this->input(), memory),
        offset_(claim(cache.source_page_bytes, attention_.layout().bytes)) {}

  /// Makes and keeps the keys and values of the encoder's output: row r at positions[r] of pages[r].
  void keep(const ProductInput& memory, std::span<std::byte* const> pages, const std::uint8_t* positions,
            Workspace& workspace) const {
    workspace.row_pages.clear();
    for (std::byte* page : pages) workspace.row_pages.push_back(page + offset_);
    attention_.keep_keys_values(memory, workspace.row_pages.data(), positions, workspace);
  }

  /// A step of all rows of the sentences, one after the other.
  void apply(std::span<SentenceRows* const> sentences, const ProductInput& input,
             const typename Numbers::Rows::Target& add, Workspace& workspace) const;

 private:
  void let_listen(int first, const SentenceRows& sentence, Workspace& workspace) const;

  int layer_;
  typename Numbers::Attention attention_;
  std::size_t offset_;  // of its part of a page
};

template <NumberSystem Numbers>
void CrossAttention<Numbers>::apply(std::span<SentenceRows* const> sentences, const ProductInput& input,
                                    const typename Numbers::Rows::Target& add, Workspace& workspace) const {
  attention_.project_queries(input, workspace);
  int first = 0;
  for (const SentenceRows* sentence : sentences) {
    point_at_pages(sentence->source_pages(), offset_, workspace);
    attention_.attend(first,
                      {.queries = sentence->rows(),
                       .pages = workspace.sentence_pages.data(),
                       .positions = sentence->source_length()},
                      workspace);
    if (workspace.listener != nullptr && workspace.listener->listens_to(first)) {
      let_listen(first, *sentence, workspace);
    }
    first += sentence->rows();
  }
  attention_.project_output(input.rows, add, workspace);
}

/// Shows the listener the weights of its heads of this layer, for the rows of the sentence whose pages are
/// set.
template <NumberSystem Numbers>
void CrossAttention<Numbers>::let_listen(int first, const SentenceRows& sentence,
                                         Workspace& workspace) const {
  const std::vector<AttentionHead>& heads = workspace.listener->heads();
  const int positions = sentence.source_length();
  for (std::size_t i = 0; i < heads.size(); ++i) {
    if (heads[i].layer != layer_) continue;
    const HeadWeights weights = attention_.weigh(
        first, {.queries = sentence.rows(), .pages = workspace.sentence_pages.data(), .positions = positions},
        heads[i].head, workspace);
    workspace.listener->listen(i, first, sentence.rows(), positions, weights);
  }
}

}  // namespace octavo
