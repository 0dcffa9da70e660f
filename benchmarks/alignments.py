"""How good alignments are in every precision, and what they cost, in one run.

    python benchmarks/alignments.py --source val.en
    python benchmarks/alignments.py --source val.en --model my-int8 my-integer --aligner my-float

Every model is run in each of its precisions with its own search. The alignment error rate (Och and Ney 2003)
is against the aligner of `octavo shortlist`: the float32 decoder of --aligner, fed the translation, the heads
of its best layer averaged; the source token that gets most is a sure link, one that gets 5 % a possible one.
Beside it stands the share of links that the statistics of both texts give (octavo.alignment.links) and the
alignment has too, and the same share of the aligner. A token that is aligned with EOS has no link. Precisions
of one model are compared where they say the same. The cost is that of processor time on one thread, the
median of interleaved rounds with alignments and without. Writes OUTPUT.json and OUTPUT.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from octavo.alignment.links import links
from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model
from octavo.engine import Engine, Hypothesis, SearchOptions
from octavo.engine.hypothesis import TokenIds
from octavo.engine.precision import default_precision
from octavo.machine import cpu_model
from octavo.race import Spread, paired_ratio, race
from octavo.runs.progress import Silent
from octavo.shortlist.align import ATTENDED, batches, cross_attention
from octavo.shortlist.counting import Engines
from octavo.shortlist.layer import choose_layer
from octavo.shortlist.text import Pair
from octavo.translation.options import search_options

WITHOUT, WITH = "without", "with alignments"
Weights: TypeAlias = npt.NDArray[np.float32]


class Aligner:
    """The aligner of `octavo shortlist`."""

    def __init__(self, model: ModelDirectory, sources: Sequence[TokenIds]) -> None:
        self._engine = Engine(model, precision="float32", threads=1)
        self._config = model.config
        engines = Engines(self._engine, self._engine, search_options(model.search, {"beam": 1}), 1)
        pairs = [Pair(source, None) for source in sources[:512]]
        self.layer = choose_layer(model, engines, pairs, Silent()).layer

    def weights(self, sources: Sequence[TokenIds], targets: Sequence[TokenIds]) -> list[Weights]:
        """Of each pair [target tokens, source tokens]."""
        found: list[Weights] = []
        for batch in batches(sources, targets, 32):
            found += cross_attention(self._engine, self._config, *batch, [self.layer])[self.layer]
        return found


def error_rate(
    alignments: Sequence[TokenIds], weights: Sequence[Weights], sources: Sequence[TokenIds]
) -> float:
    """1 - (|A and S| + |A and P|) / (|A| + |S|): A the alignments' links, S sure ones, P possible ones."""
    agreed = total = 0
    for alignment, attended, source in zip(alignments, weights, sources, strict=True):
        token = np.flatnonzero(alignment < len(source))
        sure = attended.argmax(axis=1)
        made = alignment[token]
        possible = (attended[token, made] >= ATTENDED) | (sure[token] == made)
        agreed += int((sure[token] == made).sum() + possible.sum())
        total += len(token) + len(sure)
    return 1 - agreed / total


def share_of_links(alignments: Sequence[TokenIds], linked: Sequence[TokenIds]) -> float:
    """The share of statistical links that the alignments have."""
    made, truth = np.concatenate(alignments), np.concatenate(linked)
    return float(np.mean(made[truth >= 0] == truth[truth >= 0]))


def aligned(nbest: list[Hypothesis]) -> TokenIds:
    """The alignment of the best hypothesis."""
    assert nbest[0].alignment is not None
    return nbest[0].alignment


def cost(engine: Engine, sources: Sequence[TokenIds], options: SearchOptions, rounds: int) -> dict[str, Any]:
    """Processor time with alignments over that without."""

    def seconds(alignments: bool) -> float:
        start = time.process_time()
        engine.translate(sources, options, alignments=alignments)
        return time.process_time() - start

    raced = race({WITHOUT: lambda: seconds(False), WITH: lambda: seconds(True)}, rounds)
    ratio = paired_ratio(raced[WITH], raced[WITHOUT])
    return {
        "seconds": {name: Spread.of(found).median for name, found in raced.items()},
        "ratio": ratio.median,
        "ratio_range": [ratio.low, ratio.high],
        "ratio_of_best_rounds": min(raced[WITH]) / min(raced[WITHOUT]),
    }


def measure(
    model: ModelDirectory, sources: Sequence[TokenIds], aligner: Aligner, rounds: int
) -> list[dict[str, Any]]:
    """Figures of every precision of a model."""
    precisions = ["int8", "float32"] if model.plan else [default_precision(model)]
    options, rows, found = search_options(model.search, {}), [], {}
    for precision in precisions:
        print(f"{model.path}: {precision}", file=sys.stderr)
        engine = Engine(model, precision=precision, threads=1)
        best = engine.translate(sources, options, alignments=True)
        targets, alignments = [nbest[0].tokens for nbest in best], [aligned(nbest) for nbest in best]
        weights, linked = aligner.weights(sources, targets), links(sources, targets)
        found[precision] = list(zip(targets, alignments, strict=True))
        heads = engine.alignment.heads if engine.alignment else ()
        rows.append(
            {
                "model": model.name,
                "precision": precision,
                "heads": [list(head) for head in heads],
                "target_tokens": sum(map(len, targets)),
                "error_rate": error_rate(alignments, weights, sources),
                "links_found": share_of_links(alignments, linked),
                "links_found_by_aligner": share_of_links([w.argmax(axis=1) for w in weights], linked),
                "aligned_with_eos": float(
                    np.mean(np.concatenate([a == len(s) for a, s in zip(alignments, sources, strict=True)]))
                ),
                "cost": cost(engine, sources, options, rounds),
            }
        )
        engine.close()
    for one, other in itertools.combinations(precisions, 2):
        same = [
            (a, b)
            for (t, a), (u, b) in zip(found[one], found[other], strict=True)
            if t.tolist() == u.tolist()
        ]
        equal = np.mean(np.concatenate([a == b for a, b in same]))
        rows[0]["agreement"] = {"with": other, "sentences": len(same), "tokens": float(equal)}
    return rows


def markdown(report: dict[str, Any]) -> str:
    """The table of the report."""
    lines = [
        f"# Alignments of {report['sentences']:,} sentences of {report['source']}",
        "",
        f"{report['cpu']}, {report['date']}; `benchmarks/alignments.py` says what the columns mean.",
        f"The aligner is decoder layer {report['aligner_layer']} of {report['aligner']}.",
        "",
        "| model | precision | error rate | links found | by the aligner | aligned with EOS | cost |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['model']} | {row['precision']} | {row['error_rate']:.1%} | {row['links_found']:.1%} | "
        f"{row['links_found_by_aligner']:.1%} | "
        f"{row['aligned_with_eos']:.1%} | {row['cost']['ratio'] - 1:+.1%} |"
        for row in report["rows"]
    ]
    for row in report["rows"]:
        if agreement := row.get("agreement"):
            said = f"{row['model']}: {row['precision']} and {agreement['with']} give the same translation of "
            said += (
                f"{agreement['sentences']:,} sentences and align {agreement['tokens']:.2%} of their tokens "
            )
            said += "alike."
            lines += ["", said]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", required=True, help="a text in the source language, a sentence a line")
    parser.add_argument("--model", nargs="+", default=[str(boxed_model())], help="model directories")
    parser.add_argument(
        "--aligner", default=str(boxed_model()), help="a float or int8 model of the same vocabulary"
    )
    parser.add_argument("--sentences", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", default="alignments")
    arguments = parser.parse_args()
    lines = Path(arguments.source).read_text(encoding="utf-8").splitlines()[: arguments.sentences]
    aligner_model = ModelDirectory.open(arguments.aligner)
    tokenizer = aligner_model.tokenizers()[0]
    sources = [np.array(tokenizer.encode(line), np.int32) for line in lines if line.strip()]
    aligner = Aligner(aligner_model, sources)
    rows = []
    for path in arguments.model:
        rows += measure(ModelDirectory.open(path), sources, aligner, arguments.rounds)
    report = {
        "cpu": cpu_model(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "source": Path(arguments.source).name,
        "sentences": len(sources),
        "aligner": aligner_model.name,
        "aligner_layer": aligner.layer,
        "rows": rows,
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
