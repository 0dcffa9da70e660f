#include "decoding/forced.h"

#include <algorithm>
#include <numeric>

namespace octavo {

namespace {

constexpr int kLogitRows = 48;  // logits of so many rows at a time stay in cache

/// Feeds all pairs in step, the longest target first, so that those still fed are always the first rows.
/// use(pair, logits) sees each row of logits in turn.
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
  const std::ptrdiff_t vocabulary = model.config.target_vocab_size;
  while (rows.size() > 0) {
    const ProductInput states = model.decoder.step(rows, workspace, cache);
    for (int first = 0; first < rows.size(); first += kLogitRows) {
      const int count = std::min(kLogitRows, rows.size() - first);
      float* logits = workspace.logits.ensure(static_cast<std::size_t>(count * vocabulary));
      model.decoder.logits(states.slice(first, count), 0, model.config.target_vocab_size, logits, workspace);
      for (int r = 0; r < count; ++r)
        use(order[static_cast<std::size_t>(first + r)], logits + r * vocabulary);
    }
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
  teacher_force(model, pairs, workspace, [&](std::size_t pair, const float* row) {
    logits[pair].insert(logits[pair].end(), row, row + model.config.target_vocab_size);
  });
  return logits;
}

void observe_forced(const Transformer& model, const std::vector<ForcedPair>& pairs, Observer& observer) {
  Workspace workspace(model.kernels);
  workspace.observer = &observer;
  teacher_force(model, pairs, workspace, [](std::size_t, const float*) {});
}

}  // namespace octavo
