#include "decoding/forced.h"

#include <algorithm>
#include <numeric>

namespace octavo {

namespace {

constexpr int kLogitRows = 48;  // logits of so many rows at a time stay in cache

/// Feeds all pairs in step, the longest target first, so that those still fed are always the first rows.
/// use(order, states) sees what each step gives: row r of the states belongs to pair order[r].
template <class Use>
void teacher_force(const Transformer& model, const std::vector<ForcedPair>& pairs, Workspace& workspace,
                   Use use) {
  std::vector<std::size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return pairs[a].target.size() > pairs[b].target.size();
  });
  PackedTokens source;
  DecoderRows rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    source.add(pairs[order[i]].source, model.config.source_eos ? &model.config.eos_id : nullptr);
    rows.token.push_back(model.config.decoder_start_id);
    rows.sentence.push_back(static_cast<int>(i));
  }
  DecoderCache cache;
  model.encoder.forward(source, workspace);
  model.decoder.begin(source, workspace, cache);
  while (rows.size() > 0) {
    const ProductInput states = model.decoder.step(rows, workspace, cache);
    use(order, states);
    const auto step = static_cast<std::size_t>(rows.step);
    std::size_t live = 0;
    while (live < rows.token.size() && pairs[order[live]].target.size() > step) {
      rows.token[live] = pairs[order[live]].target[step];
      ++live;
    }
    rows.token.resize(live);
    rows.sentence.resize(live);
    ++rows.step;
    rows.ancestry.clear();
    for (std::size_t r = 0; r < live; ++r) {
      rows.ancestry.insert(rows.ancestry.end(), step + 1, static_cast<std::int32_t>(r));
    }
  }
}

}  // namespace

std::vector<std::vector<float>> forced_logits(const Transformer& model, const std::vector<ForcedPair>& pairs,
                                              Trace* trace) {
  Workspace workspace(model.kernels);
  workspace.trace = trace;
  std::vector<std::vector<float>> logits(pairs.size());
  const int vocabulary = model.config.target_vocab_size;
  teacher_force(
      model, pairs, workspace, [&](const std::vector<std::size_t>& order, const ProductInput& states) {
        for (int first = 0; first < states.rows; first += kLogitRows) {
          const int count = std::min(kLogitRows, states.rows - first);
          const std::size_t size = static_cast<std::size_t>(count) * static_cast<std::size_t>(vocabulary);
          const float* row = workspace.logits.ensure(size);
          model.decoder.logits(states.slice(first, count), 0, vocabulary, workspace.logits.data(), workspace);
          for (int r = first; r < first + count; ++r, row += vocabulary) {
            std::vector<float>& own = logits[order[static_cast<std::size_t>(r)]];
            own.insert(own.end(), row, row + vocabulary);
          }
        }
      });
  return logits;
}

void observe_forced(const Transformer& model, const std::vector<ForcedPair>& pairs, Observer& observer) {
  Workspace workspace(model.kernels);
  workspace.observer = &observer;
  teacher_force(model, pairs, workspace, [](const auto&, const ProductInput&) {});
}

}  // namespace octavo
