"""How a model behaves on ordinary text, beside its BLEU: numbers, placeholders, cases, loops, daily talk.

    python benchmarks/everyday.py --data corpora

The folder holds the corpora tatoeba-en-de, news-en-de and everyday-en-de. Placeholders and tags are measured
without the protection that a translator gives them: whole lines go through tokenizer and engine alone.
Everything else is translated as for any user. ``--list FILE`` writes the translations of
``everyday_sentences.txt``, unselected, and measures nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import sacrebleu

import octavo
from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model
from octavo.engine import Engine, default_precision
from octavo.translation import Translator, search_options

SENTENCES = Path(__file__).with_name("everyday_sentences.txt")
DEV_SETS = ("software-ui", "documentation", "games-dialogue")
NUMBERED_SEGMENTS = 500
NUMBER = re.compile(r"\d+")
PLACEHOLDER = re.compile(
    r"%\(\w+\)[sd]|%\d?\$?[sdiu]|%\d+|\$?\{\{?[^{}\s]+\}?\}|</?[A-Za-z][^<>]*>|&\w+;|__\w+__|\$\w+"
)
LOOP_TOKENS, LOOP_TIMES = 4, 3
BEAM = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """How many of how many texts a statement holds for."""

    statement: str
    kept: int
    of: int

    def __str__(self) -> str:
        percent = 100 * self.kept / self.of if self.of else 100.0
        return f"{self.statement}: {self.kept} of {self.of} ({percent:.1f} %)"


def lines(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def translate(translator: Translator, texts: Sequence[str]) -> list[str]:
    """The best translations."""
    return [found.text for found in translator(list(texts), beam=BEAM)]


def translate_unprotected(model: ModelDirectory, texts: Sequence[str]) -> list[str]:
    """The best translations by tokenizer and engine alone, in the arithmetic that the model is stored for."""
    source, target = model.tokenizers()
    engine = Engine(model, precision=default_precision(model), shortlist=model.shortlist())
    tokens = [np.array(source.encode(text), np.int32) for text in texts]
    found = engine.translate(tokens, search_options(model.search, {"beam": BEAM}))
    return [target.decode(hypotheses[0].tokens.tolist()) for hypotheses in found]


def kept_share(
    statement: str, sources: Sequence[str], targets: Sequence[str], parts: Callable[[str], Counter[str]]
) -> Share:
    """How often all parts of the source stand in the translation as often."""
    kept = sum(not parts(source) - parts(target) for source, target in zip(sources, targets, strict=True))
    return Share(statement, kept, len(sources))


def numbers(text: str) -> Counter[str]:
    """Runs of digits."""
    return Counter(NUMBER.findall(text))


def placeholders(text: str) -> Counter[str]:
    """Placeholders, tags and entities."""
    return Counter(PLACEHOLDER.findall(text))


def loops(source: str, target: str) -> bool:
    """Whether a run of four words stands three times in the translation and not in the source."""

    def most(text: str) -> int:
        words = text.split()
        runs = Counter(tuple(words[i : i + LOOP_TOKENS]) for i in range(len(words) - LOOP_TOKENS + 1))
        return max(runs.values(), default=0)

    return most(target) >= LOOP_TIMES > most(source)


def case_figures(translator: Translator, data: Path) -> dict[str, float]:
    """BLEU without regard to case on the Tatoeba test set: as it is, in capitals, in lower case."""
    source, reference = (lines(data / f"tatoeba-en-de/test.{side}") for side in ("en", "de"))
    metric = sacrebleu.BLEU(lowercase=True)
    changes: dict[str, Callable[[str], str]] = {"normal": str, "upper": str.upper, "lower": str.lower}
    return {
        name: metric.corpus_score(translate(translator, list(map(change, source))), [reference]).score
        for name, change in changes.items()
    }


def measure(model: ModelDirectory, data: Path) -> tuple[list[Share], dict[str, float]]:
    """All of it; the Tatoeba test set is translated once in each case."""
    dev = [line for name in DEV_SETS for line in lines(data / "everyday-en-de" / name / "dev.en")]
    news = lines(data / "news-en-de/newstest2014.en")
    numbered = [line for line in [*dev, *lines(data / "news-en-de/newstest2013.en")] if NUMBER.search(line)]
    numbered = numbered[:NUMBERED_SEGMENTS]
    marked = [line for line in dev if PLACEHOLDER.search(line)]
    calendar = [str(day) for day in range(1, 32)]
    with octavo.load(model.path) as translator:
        days, numbered_found, news_found = (translate(translator, t) for t in (calendar, numbered, news))
        cases = case_figures(translator, data)
    looping = sum(loops(source, target) for source, target in zip(news, news_found, strict=True))
    filled = sum(bool(target.strip()) for target in [*days, *numbered_found, *news_found])
    shares = [
        kept_share("all numbers kept", numbered, numbered_found, numbers),
        kept_share(
            "all placeholders and tags kept", marked, translate_unprotected(model, marked), placeholders
        ),
        Share("days 1 to 31 unchanged", sum(map(str.__eq__, calendar, days)), len(calendar)),
        Share("newstest2014 lines without a loop", len(news) - looping, len(news)),
        Share("texts with a translation", filled, len(calendar) + len(numbered) + len(news)),
    ]
    return shares, cases


def write_sentences(model: ModelDirectory, path: Path) -> None:
    """Write each everyday sentence and its translation, separated by a tab."""
    sources = lines(SENTENCES)
    with octavo.load(model.path) as translator:
        pairs = zip(sources, translate(translator, sources), strict=True)
        path.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")


def main() -> None:
    """Measure and print, or write the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", type=Path, default=boxed_model(), help="model directory; default: the model in the box"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("--data", type=Path, help="folder of the corpora")
    task.add_argument("--list", type=Path, help="write the everyday sentences' translations there")
    arguments = parser.parse_args()
    model = ModelDirectory.open(arguments.model)
    if arguments.list:
        write_sentences(model, arguments.list)
        return
    shares, cases = measure(model, arguments.data)
    if arguments.json:
        print(json.dumps({"shares": [dataclasses.asdict(share) for share in shares], "case": cases}))
        return
    print(*shares, sep="\n")
    print(
        "Tatoeba test, BLEU without case: " + ", ".join(f"{name} {bleu:.2f}" for name, bleu in cases.items())
    )


if __name__ == "__main__":
    main()
