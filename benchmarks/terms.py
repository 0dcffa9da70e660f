"""Terms: how many appear, what they do to BLEU, and what they and a glossary cost.

    python benchmarks/terms.py --data ../shared/data/multi30k

Quality: in each of 500 sentences of a test set, words of the reference are forced, of which the translation
without them lacks about half. Speed: a glossary of 10,000 entries that match nothing, and one that has a term
in each sentence, against none, in interleaved rounds on one thread.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sacrebleu

from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model
from octavo.engine import Engine, Hypothesis, SearchOptions, Term, default_precision
from octavo.race import Spread, race, timed
from octavo.terms import Entry, Glossary
from octavo.text import Tokenizer

SENTENCES = 500
ENTRIES = 10_000
ROUNDS = 5
LEAST_LETTERS = 4


def words(text: str) -> list[str]:
    """The words of a text that may be a term."""
    return [word for word in re.findall(r"\w+", text) if len(word) >= LEAST_LETTERS]


class Setting(NamedTuple):
    """A model at work, and a test set."""

    engine: Engine
    source: Tokenizer
    target: Tokenizer
    options: SearchOptions
    sentences: list[str]
    references: list[str]

    def translate(self, terms: Sequence[Sequence[str]] | None = None) -> list[str]:
        """The translations, with these words of each sentence forced."""
        sources = [np.array(self.source.encode(text), np.int32) for text in self.sentences]
        wanted = None if terms is None else [[self.term(word) for word in of] for of in terms]
        found: list[list[Hypothesis]] = self.engine.translate(
            sources, self.options, wanted, self.target.continuations
        )
        return [self.target.decode(hypotheses[0].tokens.tolist()) for hypotheses in found]

    def term(self, *alternatives: str) -> Term:
        """One of these, as words in the middle of a sentence."""
        return Term([np.array(self.target.encode(word), np.int32) for word in alternatives], whole_words=True)

    def bleu(self, translations: list[str]) -> float:
        """Against the references."""
        return float(sacrebleu.corpus_bleu(translations, [self.references]).score)


def chosen_words(references: Sequence[str], translations: Sequence[str], each: int) -> list[list[str]]:
    """Words of each reference, at most ``each``; about half of them are not in the translation."""
    draw = random.Random(1)
    found = []
    for reference, translation in zip(references, translations, strict=True):
        present = set(words(translation))
        of: list[str] = []
        for _ in range(each):
            lacking = draw.random() < 0.5
            pool = [w for w in words(reference) if w not in of]
            preferred = [w for w in pool if (w not in present) is lacking] or pool
            of += [draw.choice(preferred)] if preferred else []
        found.append(of)
    return found


def quality(setting: Setting, each: int) -> None:
    """Print how many of ``each`` terms a sentence appear, and BLEU with and without."""
    without = setting.translate()
    terms = chosen_words(setting.references, without, each)
    forced = setting.translate(terms)
    count = sum(map(len, terms))

    def share(translations: list[str]) -> float:
        pairs = zip(terms, translations, strict=True)
        return 100 * sum(word in words(text) for of, text in pairs for word in of) / count

    print(
        f"beam {setting.options.beam}, {count} terms: {share(without):.1f} % appear unforced, "
        f"{share(forced):.1f} % forced; BLEU {setting.bleu(without):.2f} -> {setting.bleu(forced):.2f}"
    )


def speed(setting: Setting) -> None:
    """Print the time with two glossaries as a multiple of the time without."""
    none = Glossary([Entry(f"word{i} of{i % 7}", ("x",)) for i in range(ENTRIES)], "en")
    common = Glossary([*none.entries, *(Entry(w, (g,)) for w, g in _COMMON)], "en")

    def run(glossary: Glossary | None) -> float:
        def work() -> None:
            if glossary is None:
                setting.translate()
                return
            matched = [glossary.matches(text) for text in setting.sentences]
            terms = [[match.targets[0] for match in of] for of in matched]
            setting.translate(terms if any(terms) else None)

        return timed(work)[0]

    matching = sum(bool(common.matches(text)) for text in setting.sentences)
    found = race(
        {"none": lambda: run(None), "no match": lambda: run(none), "matches": lambda: run(common)}, ROUNDS
    )
    base = found.pop("none")
    for name, seconds in found.items():
        ratio = Spread.of([s / b for s, b in zip(seconds, base, strict=True)])
        print(
            f"{ENTRIES} entries, {name}: {ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f}) of the time"
        )
    print(f"of {len(setting.sentences)} sentences {matching} have a match in the latter")


_COMMON = (("man", "Mann"), ("woman", "Frau"), ("dog", "Hund"), ("street", "Straße"), ("water", "Wasser"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of Multi30k")
    parser.add_argument("--set", default="test_2016_flickr")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--no-speed", action="store_true")
    arguments = parser.parse_args()
    model = ModelDirectory.open(arguments.model or boxed_model())
    engine = Engine(model, precision=default_precision(model), threads=1, shortlist=model.shortlist())

    def lines(language: str) -> list[str]:
        path = arguments.data / f"{arguments.set}.{language}"
        return path.read_text(encoding="utf-8").splitlines()[:SENTENCES]

    options = SearchOptions.from_defaults(model.search, beam=arguments.beam)
    setting = Setting(engine, *model.tokenizers(), options, lines("en"), lines("de"))
    for each in (1, 3):
        quality(setting, each)
    if not arguments.no_speed:
        speed(setting)


if __name__ == "__main__":
    main()
