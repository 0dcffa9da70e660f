"""Whether a marked word's translation is the marked word: one word in <b>, through Translator.html.

    python benchmarks/marks.py --data ../shared/data/multi30k

The judge knows nothing of the model's attention: IBM model 1 (Brown et al. 1993), trained in both directions
on the corpus' training pairs. It names the translation of the marked word where both directions agree; where
they do not, the sentence has no verdict.
"""

from __future__ import annotations

import argparse
import collections
import random
import re
from collections.abc import Sequence
from pathlib import Path

import octavo

SENTENCES = 500
ITERATIONS = 5
LEAST_LETTERS = 3
WORD = re.compile(r"\w+(?:['-]\w+)*|[^\w\s]")

Pairs = Sequence[tuple[list[str], list[str]]]
Table = dict[str, dict[str, float]]


def words(text: str) -> list[str]:
    """The words and signs of a text, in lower case."""
    return WORD.findall(text.lower())


def lexical_table(pairs: Pairs) -> Table:
    """table[s][t]: the probability that source word s has the translation t, by IBM model 1."""
    table: Table = collections.defaultdict(dict)
    for source, target in pairs:
        for s in [*source, ""]:
            table[s].update(dict.fromkeys(target, 1.0))
    for _ in range(ITERATIONS):
        counts: Table = {s: dict.fromkeys(row, 0.0) for s, row in table.items()}
        for source, target in pairs:
            rows = [(table[s], counts[s]) for s in [*source, ""]]
            for t in target:
                total = sum(row[t] for row, _ in rows)
                for row, count in rows:
                    count[t] += row[t] / total
        for s, row in counts.items():
            total = sum(row.values())
            table[s] = {t: value / total for t, value in row.items() if value > 1e-6}
            for t in row:
                table[s].setdefault(t, 1e-12)
    return table


class Judge:
    """Names the translation of a word, where both directions agree."""

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        pairs = [(words(s), words(t)) for s, t in zip(sources, targets, strict=True)]
        self._forward = lexical_table(pairs)
        self._backward = lexical_table([(t, s) for s, t in pairs])

    def translation(self, source: Sequence[str], place: int, target: Sequence[str]) -> str | None:
        """The word of ``target`` that stands for word ``place`` of ``source``; None without agreement."""
        row = self._forward.get(source[place], {})
        best = max(target, key=lambda t: row.get(t, 0.0), default=None)
        if best is None or not row.get(best):
            return None
        back = self._backward.get(best, {})
        return best if max(source, key=lambda s: back.get(s, 0.0)) == source[place] else None


def lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of Multi30k")
    parser.add_argument("--set", default="test_2017_flickr")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--show", type=int, default=0, help="so many sentences that were judged wrong")
    arguments = parser.parse_args()
    judge = Judge(lines(arguments.data / "train.en"), lines(arguments.data / "train.de"))
    draw = random.Random(1)
    sources = lines(arguments.data / f"{arguments.set}.en")[:SENTENCES]
    right = wrong = unjudged = lost = 0
    with octavo.load(arguments.model) as translator:
        for source in sources:
            found = [match for match in WORD.finditer(source) if len(match[0]) >= LEAST_LETTERS]
            chosen = draw.choice(found)
            marked = f"{source[: chosen.start()]}<b>{chosen[0]}</b>{source[chosen.end() :]}"
            target = str(translator.html(marked))
            bold = re.findall("<b>(.*?)</b>", target)
            if len(bold) != 1:
                lost += 1
                continue
            place = [match.start() for match in WORD.finditer(source)].index(chosen.start())
            answer = judge.translation(words(source), place, words(re.sub("</?b>", "", target)))
            if answer is None:
                unjudged += 1
            elif answer in words(bold[0]):
                right += 1
            else:
                wrong += 1
                if wrong <= arguments.show:
                    print(f"{marked}\n{target}\n  wanted: {answer}")
    judged = right + wrong
    print(
        f"{len(sources)} sentences: tags lost {lost}; judged {judged}, of which the marked word is the right "
        f"one in {right} ({100 * right / max(judged, 1):.1f} %); no verdict {unjudged}"
    )


if __name__ == "__main__":
    main()
