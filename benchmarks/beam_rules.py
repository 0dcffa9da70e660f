"""OpenNMT-py's and eole's own beam against Octavo's: is every difference the rule by which their beam ends?

    python benchmarks/beam_rules.py onmt-octavo test.pieces onmt.beam4

MODEL is the converted model, SOURCE the text in pieces and THEIRS what the program wrote for it with a beam
and ``length_penalty: avg``. Their rule: a step keeps the best BEAM continuations, finished ones among them,
whose places are not filled again, and the search ends once the best of a step is finished. Octavo keeps BEAM
unfinished ones beside the finished, and ends once BEAM are finished. The script runs their rule over the
logits of ``octavo.reference``: it must give what they wrote. Their length counts the start token, too.
Source of the rule: onmt/translate/beam_search.py of OpenNMT-py 3.5.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import numpy as np
import torch

from octavo.artifact import ModelDirectory
from octavo.engine import Engine
from octavo.model.search import SearchOptions
from octavo.reference import Transformer, from_arrays

TIE = 1e-5


@dataclasses.dataclass(frozen=True)
class Found:
    """A translation without EOS, and its score."""

    tokens: list[int]
    score: float


def their_beam(model: Transformer, source: list[int], beam: int, longest: int, extra: int) -> Found:
    """The translation by their rule; ``extra`` is what a length counts besides the tokens and EOS."""
    state = model.start(torch.tensor([source]), torch.tensor([len(source)]))
    rows, totals = [[model.config.decoder_start_id]], torch.zeros(1, dtype=torch.float64)
    finished: list[Found] = []
    for length in range(1, longest + 1):
        logits = model.step(torch.tensor([row[-1] for row in rows]), state)
        scores = (totals[:, None] + logits.double().log_softmax(-1)).flatten()
        best, places = scores.topk(beam)
        origins, tokens = places // logits.shape[-1], places % logits.shape[-1]
        is_eos = tokens == model.config.eos_id
        for score, origin in zip(best[is_eos].tolist(), origins[is_eos].tolist(), strict=True):
            finished.append(Found(rows[origin][1:], score / (length + extra)))
        if is_eos[0] or is_eos.all():
            break
        kept = ~is_eos
        rows = [[*rows[o], t] for o, t in zip(origins[kept].tolist(), tokens[kept].tolist(), strict=True)]
        totals = best[kept]
        if length == longest:
            # They take unfinished ones there as if they were finished.
            cut = zip(rows, totals.tolist(), strict=True)
            finished += [Found(row[1:], total / (length + extra)) for row, total in cut]
            break
        state.select(torch.tensor([0]), origins[kept])
    return max(finished, key=lambda one: one.score)


def mean_score(model: Transformer, source: list[int], tokens: list[int], extra: int) -> float:
    """The score by which their finished translations are compared."""
    config = model.config
    wanted = [*tokens, config.eos_id]
    logits = model(
        torch.tensor([source]),
        torch.tensor([len(source)]),
        torch.tensor([[config.decoder_start_id, *tokens]]),
    )
    return float(logits[0].double().log_softmax(-1)[range(len(wanted)), wanted].sum()) / (len(wanted) + extra)


def ids_of(model: ModelDirectory, path: Path, side: int, count: int) -> list[list[int]]:
    """Lines of pieces as ids."""
    processor = model.tokenizers()[side]._processor
    known = {processor.id_to_piece(token): token for token in range(processor.get_piece_size())}
    lines = path.read_text(encoding="utf-8").splitlines()[:count]
    return [[known.get(piece, model.config.unk_id) for piece in line.split()] for line in lines]


@torch.inference_mode()
def compare(arguments: argparse.Namespace) -> int:
    """Prints each difference and its reason; returns how many have none."""
    ours = ModelDirectory.open(arguments.model)
    config = ours.config
    model = from_arrays(config, dict(ours.tensors()))
    rows = ids_of(ours, arguments.source, 0, arguments.sentences)
    theirs = ids_of(ours, arguments.theirs, 1, arguments.sentences)
    options = SearchOptions(
        beam=arguments.beam,
        length_penalty=1.0,
        max_length=arguments.longest,
        length_ratio=0.0,
        length_margin=arguments.longest,
    )
    engine = Engine(ours, precision="float32", threads=1)
    found = engine.translate([np.array(row, np.int32) for row in rows], options)
    counts = {"same": 0, "their rule": 0, "tie": 0, "unexplained": 0}
    ours_higher = by_their_rule = 0
    for number, (row, (best, *_), expected) in enumerate(zip(rows, found, theirs, strict=True), 1):
        mine = best.tokens.tolist()
        source = [*row, config.eos_id] if config.source_eos else row
        simulated = their_beam(model, source, arguments.beam, arguments.longest, arguments.length)
        by_their_rule += simulated.tokens == expected
        if mine == expected:
            counts["same"] += 1
            continue
        scores = [mean_score(model, source, tokens, arguments.length) for tokens in (mine, expected)]
        ours_higher += scores[0] > scores[1]
        gap = abs(simulated.score - scores[1])
        reason = "their rule" if simulated.tokens == expected else "tie" if gap < TIE else "unexplained"
        counts[reason] += 1
        print(f"sentence {number}: {reason}; mean log-probability {scores[0]:.4f}, theirs {scores[1]:.4f}")
    print(f"our translations against theirs: {counts}; ours scores higher in {ours_higher} of the others")
    print(f"their rule over our logits gives what they wrote: {by_their_rule} of {len(rows)}")
    return counts["unexplained"]


def main() -> int:
    """Parse and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("model", type=Path, help="the converted model")
    parser.add_argument("source", type=Path, help="the source in pieces, a sentence a line")
    parser.add_argument("theirs", type=Path, help="what the program wrote, in pieces")
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--longest", type=int, default=100)
    parser.add_argument(
        "--length", type=int, default=1, help="what their length counts besides: 1, the start token"
    )
    parser.add_argument("--sentences", type=int, default=200)
    torch.set_num_threads(1)
    return int(compare(parser.parse_args()) > 0)


if __name__ == "__main__":
    sys.exit(main())
