"""What a model of Marian or Firefox translates here and there, and why where it differs.

    python benchmarks/marian.py --model model.npz --source test.en --expected beam4.tsv --beam 4
    python benchmarks/marian.py --model model.npz --source test.en --run pymarian --beam 4
    python benchmarks/marian.py --model model.intgemm.alphas.bin --source test.en --expected bergamot.de
    python benchmarks/marian.py --model model.intgemm.alphas.bin --source test.en --expected a.de --shortlist

Each line of --expected is the translation of a line of --source, perhaps with its score and a tab in front.
In float32 a difference is explained by the cap (both go on to the longest translation), or by a tie: two
tokens whose logits differ by less than --tie. In int8 the sentence is translated once more by the numpy
simulation of the engine, with Marian's two rules in place of Octavo's: the shortlist is filled up to a
multiple of eight, and the longest translation is rounded up. What then still differs is a tie where the best
two logits come closer than --tie before the first difference.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.conversion import convert
from octavo.conversion.marian.files import Files
from octavo.conversion.marian.shortlist import LexicalShortlist
from octavo.engine import Engine, Hypothesis
from octavo.model.search import SearchOptions, Stop
from octavo.simulation import Simulation

_MULTIPLE = 8


@dataclasses.dataclass(frozen=True)
class Expected:
    """A translation that another program made; its score where that is known."""

    text: str
    score: float | None = None


def read_expected(path: Path) -> list[Expected]:
    """The lines of a file."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        score, tab, text = line.partition("\t")
        found.append(Expected(text, float(score)) if tab else Expected(line))
    return found


def run_pymarian(files: Files, lines: Sequence[str], options: argparse.Namespace) -> list[Expected]:
    """What Marian itself translates."""
    command = [options.python, "-m", "pymarian", "decode", "-m", str(files.model), "-v"]
    command += [*map(str, files.vocabularies), "--beam-size", str(options.beam), "--n-best"]
    command += ["--normalize", str(options.normalize), "--max-length-factor", str(options.ratio)]
    command += ["--cpu-threads", "1", "--quiet", "--quiet-translation"]
    text = "\n".join(lines) + "\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    best: dict[str, Expected] = {}
    for line in done.stdout.splitlines():
        number, translation, _, score = line.split(" ||| ")
        best.setdefault(number, Expected(translation.strip(), float(score)))
    return list(best.values())


class Explanation:
    """Why translations of one model differ."""

    def __init__(
        self, model: ModelDirectory, lexical: LexicalShortlist | None, options: argparse.Namespace
    ) -> None:
        self.model = model
        self.lexical = lexical
        self.options = options
        self.target = model.tokenizers()[1]
        self.simulation = Simulation(model)

    def of(self, source: Sequence[int], ours: Hypothesis, expected: Expected) -> str:
        """One of: cap, rule, tie, unexplained."""
        text = self.target.decode(ours.tokens)
        if not ours.complete and (text.startswith(expected.text) or expected.text.startswith(text)):
            return "cap"
        tokens, gaps = self._by_their_rules(source)
        theirs = self.target.decode(tokens)
        if theirs == expected.text:
            return "rule"
        if len(tokens) == len(gaps) and theirs.startswith(expected.text):
            return "cap"
        length = next(
            (
                n
                for n in range(1, len(tokens) + 1)
                if not expected.text.startswith(self.target.decode(tokens[:n]))
            ),
            len(tokens),
        )
        return "tie" if min(gaps[: length + 1]) < self.options.tie else "unexplained"

    def _by_their_rules(self, source: Sequence[int]) -> tuple[list[int], list[float]]:
        """Greedy tokens without EOS, and by how much the best logit was above the second at each step."""
        config = self.model.config
        candidates = self._candidates(source)
        tokens: list[int] = []
        gaps: list[float] = []
        while len(gaps) < math.ceil(self.options.ratio * (len(source) + 1)):
            logits = self.simulation.run(source, tokens).logits[-1]
            allowed = np.full(len(logits), -np.inf, np.float32)
            allowed[candidates] = logits[candidates]
            allowed[list(config.suppressed_ids)] = -np.inf
            second, first = np.argsort(allowed, kind="stable")[-2:]
            gaps.append(float(allowed[first] - allowed[second]))
            if first == config.eos_id:
                break
            tokens.append(int(first))
        return tokens, gaps

    def _candidates(self, source: Sequence[int]) -> list[int]:
        config = self.model.config
        if self.lexical is None:
            return list(range(config.target_vocab_size))
        found = {*range(self.lexical.first), *source, config.eos_id}
        for token in [*source, config.eos_id]:
            found |= set(self.lexical.of(token).tolist())
        more = (token for token in range(self.lexical.first, config.target_vocab_size) if token not in found)
        while len(found) % _MULTIPLE:
            found.add(next(more))
        return sorted(found)


def compare(path: Path, options: argparse.Namespace, folder: Path) -> bool:
    """Convert, translate, and print how the translations agree. Whether nothing is unexplained."""
    convert(path, folder / "model")
    files = Files.of(path)
    model = ModelDirectory.open(folder / "model")
    precision = "float32" if model.plan is None else "int8"
    lines = options.source.read_text(encoding="utf-8").splitlines()
    expected = read_expected(options.expected) if options.expected else run_pymarian(files, lines, options)
    lines = lines[: len(expected)]
    shortlist = model.shortlist() if options.shortlist else None
    source, target = model.tokenizers()
    engine = Engine(model, precision=precision, threads=1, shortlist=shortlist)
    search = SearchOptions(
        beam=options.beam,
        length_penalty=options.normalize,
        length_ratio=options.ratio,
        length_margin=0,
        stop=Stop.SHRINKING,
    )
    ids = [source.encode(line) for line in lines]
    found = [hypotheses[0] for hypotheses in engine.translate(ids, search)]
    lexical = LexicalShortlist.read(files.shortlist) if options.shortlist and files.shortlist else None
    explanation = Explanation(model, lexical, options)
    reasons: collections.Counter[str] = collections.Counter()
    furthest = 0.0
    for tokens, ours, theirs in zip(ids, found, expected, strict=True):
        text = target.decode(ours.tokens)
        if text == theirs.text:
            reasons["the same"] += 1
            furthest = max(furthest, abs(ours.score - theirs.score)) if theirs.score is not None else furthest
            continue
        reason = explanation.of(tokens, ours, theirs)
        reasons[reason] += 1
        if options.show or reason == "unexplained":
            print(f"{reason}\n  here   {text}\n  there  {theirs.text}")
    scores = f", scores within {furthest:.2g}" if expected[0].score is not None else ""
    kind = f"{precision}, beam {options.beam}{', shortlist' if options.shortlist else ''}"
    others = ", ".join(
        f"{reason} {count}" for reason, count in sorted(reasons.items()) if reason != "the same"
    )
    print(f"| {path.name} | {kind} | {reasons['the same']} of {len(lines)}{scores} | {others or '-'} |")
    return not reasons["unexplained"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", type=Path, required=True, help="a model of Marian, with its files beside it"
    )
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--expected", type=Path, help="what another program made of --source")
    parser.add_argument("--run", choices=["pymarian"], help="run it in place of --expected")
    parser.add_argument("--python", default=sys.executable, help="the Python that has pymarian")
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--normalize", type=float, default=1.0)
    parser.add_argument("--ratio", type=float, default=3.0, help="Marian's max-length-factor")
    parser.add_argument("--shortlist", action="store_true")
    parser.add_argument("--tie", type=float, default=0.05)
    parser.add_argument("--show", action="store_true", help="print every sentence that differs")
    options = parser.parse_args()
    if bool(options.expected) == bool(options.run):
        parser.error("give --expected or --run")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not compare(options.model, options, Path(folder)))


if __name__ == "__main__":
    main()
