#include "decoding/forced.h"

#include <algorithm>
#include <numeric>

#include "decoding/logits.h"

namespace octavo {

namespace {

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
  for (const std::size_t pair : order) {
    source.add(pairs[pair].source, model.config.source_eos ? &model.config.eos_id : nullptr);
  }
  DecoderCache cache = model.stacks->make_cache();
  std::vector<SentenceRows> sentences = model.stacks->begin(source, workspace, cache);
  std::vector<SentenceRows*> fed;
  for (SentenceRows& sentence : sentences) fed.push_back(&sentence);
  for (std::size_t step = 0; !fed.empty(); ++step) {
    use(order, model.stacks->step(fed, workspace));
    while (!fed.empty() && pairs[order[fed.size() - 1]].target.size() <= step) fed.pop_back();
    for (std::size_t i = 0; i < fed.size(); ++i) {
      const Continuation next{0, pairs[order[i]].target[step]};
      fed[i]->advance({&next, 1});
    }
  }
}

/// The weights of each pair: [heads, steps, source tokens].
class CollectedWeights : public AttentionListener {
 public:
  CollectedWeights(const std::vector<AttentionHead>& heads, std::size_t pairs)
      : AttentionListener(heads), weights_(pairs, std::vector<std::vector<std::uint8_t>>(heads.size())) {}

  void listen(std::size_t head, int first_row, int, int positions, const HeadWeights& found) override {
    step_.push_back({head, static_cast<std::size_t>(first_row), {found.weights, found.weights + positions}});
  }

  /// Row r of the step was of pair order[r].
  void end_step(const std::vector<std::size_t>& order) {
    for (const Heard& heard : step_) {
      std::vector<std::uint8_t>& all = weights_[order[heard.row]][heard.head];
      all.insert(all.end(), heard.weights.begin(), heard.weights.end());
    }
    step_.clear();
  }

  std::vector<std::vector<std::uint8_t>> weights() const {
    std::vector<std::vector<std::uint8_t>> joined;
    for (const auto& of_pair : weights_) {
      std::vector<std::uint8_t>& all = joined.emplace_back();
      for (const auto& of_head : of_pair) all.insert(all.end(), of_head.begin(), of_head.end());
    }
    return joined;
  }

 private:
  struct Heard {
    std::size_t head;
    std::size_t row;
    std::vector<std::uint8_t> weights;
  };
  std::vector<std::vector<std::vector<std::uint8_t>>> weights_;  // by pair and head
  std::vector<Heard> step_;
};

}  // namespace

std::vector<std::vector<float>> forced_logits(const Transformer& model, const std::vector<ForcedPair>& pairs,
                                              Trace* trace) {
  Workspace workspace(model.kernels);
  workspace.trace = trace;
  std::vector<std::vector<float>> logits(pairs.size());
  const int vocabulary = model.config.target_vocab_size;
  teacher_force(
      model, pairs, workspace, [&](const std::vector<std::size_t>& order, const ProductInput& states) {
        for_each_part(states.rows, [&](int first, int count) {
          const std::size_t size = static_cast<std::size_t>(count) * static_cast<std::size_t>(vocabulary);
          const float* row = workspace.logits.ensure(size);
          model.stacks->output().apply_to(0, vocabulary, states.slice(first, count), workspace.logits.data(),
                                          workspace);
          for (int r = first; r < first + count; ++r, row += vocabulary) {
            std::vector<float>& own = logits[order[static_cast<std::size_t>(r)]];
            own.insert(own.end(), row, row + vocabulary);
          }
        });
      });
  return logits;
}

void observe_forced(const Transformer& model, const std::vector<ForcedPair>& pairs, Observer& observer) {
  Workspace workspace(model.kernels);
  workspace.observer = &observer;
  teacher_force(model, pairs, workspace, [](const auto&, const ProductInput&) {});
}

std::vector<std::vector<std::uint8_t>> forced_attention(const Transformer& model,
                                                        const std::vector<ForcedPair>& pairs,
                                                        const std::vector<AttentionHead>& heads) {
  CollectedWeights collected(heads, pairs.size());
  Workspace workspace(model.kernels);
  workspace.listener = &collected;
  teacher_force(model, pairs, workspace, [&](const std::vector<std::size_t>& order, const ProductInput&) {
    collected.end_step(order);
  });
  return collected.weights();
}

}  // namespace octavo
