"""Loss and BLEU on a dev set."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import sacrebleu
import torch
import torch.nn.functional as F

from octavo.model.search import SearchOptions
from octavo.reference.model import Transformer
from octavo.reference.search import search
from octavo.training.batches import IGNORED_LABEL, make_batch, plan_epoch
from octavo.training.corpus import Pair, ParallelText
from octavo.training.vocabulary import Vocabulary

_SEARCH_TOKENS = 1500

Tick = Callable[[int, int], None]
"""Called with what is done and what there is to do, while a model is measured; it may raise to stop that."""


@dataclasses.dataclass(frozen=True, slots=True)
class DevSet:
    """Dev lines and their token ids, cut to the model's positions."""

    name: str
    text: ParallelText
    pairs: list[Pair]

    @classmethod
    def encode(cls, name: str, text: ParallelText, vocabulary: Vocabulary, max_positions: int) -> DevSet:
        """Segment every line; one longer than the model's positions is cut."""
        longest = max_positions - 1  # and EOS
        sources = (vocabulary.source.encode(line)[:longest] for line in text.source)
        targets = (vocabulary.target.encode(line)[:longest] for line in text.target)
        return cls(name, text, [Pair(s, t) for s, t in zip(sources, targets, strict=True)])


@torch.no_grad()
def dev_loss(model: Transformer, dev: DevSet, batch_tokens: int, tick: Tick) -> float:
    """Mean negative log-likelihood in nats per target token (EOS included), without label smoothing."""
    device = model.target_table.device
    total, tokens = 0.0, 0
    done = 0
    for indices in plan_epoch(dev.pairs, batch_tokens, seed=0, epoch=0):
        tick(done, len(dev.pairs))
        done += len(indices)
        batch = make_batch([dev.pairs[i] for i in indices], model.config).to(device)
        logits = model(batch.source, batch.lengths, batch.target)
        logits, labels = logits.flatten(0, 1).float(), batch.labels.flatten()
        loss = F.cross_entropy(logits, labels, ignore_index=IGNORED_LABEL, reduction="sum")
        total += loss.item()
        tokens += batch.tokens
    return total / tokens


def translate(
    model: Transformer, sources: Sequence[Sequence[int]], options: SearchOptions, tick: Tick
) -> list[tuple[int, ...]]:
    """The best translation of every source, searched in batches of like length."""
    order = sorted(range(len(sources)), key=lambda i: -len(sources[i]))
    found: dict[int, tuple[int, ...]] = {}
    while order:
        tick(len(sources) - len(order), len(sources))
        count = max(1, _SEARCH_TOKENS // (len(sources[order[0]]) + 1))
        batch, order = order[:count], order[count:]
        for i, results in zip(batch, search(model, [sources[i] for i in batch], options), strict=True):
            found[i] = results[0].tokens
    return [found[i] for i in range(len(sources))]


@dataclasses.dataclass(frozen=True, slots=True)
class Bleu:
    """A score and the sacreBLEU signature it was computed with."""

    score: float
    signature: str


def dev_bleu(
    model: Transformer, dev: DevSet, vocabulary: Vocabulary, options: SearchOptions, tick: Tick
) -> Bleu:
    """BLEU (13a, cased, detokenized) of the model's translations."""
    found = translate(model, [pair.source for pair in dev.pairs], options, tick)
    texts = [vocabulary.target.decode(ids) for ids in found]
    bleu = sacrebleu.BLEU()
    score = bleu.corpus_score(texts, [dev.text.target]).score
    return Bleu(score, str(bleu.get_signature()))
