"""How a model behaves on ordinary text, beside its BLEU: numbers, placeholders, cases, loops, daily talk.

    python benchmarks/everyday.py --data ../shared/data --everyday everyday-en-de

``--everyday`` is the folder of the corpus of that name (its dev sets have software, documentation and
dialogue). With ``--list FILE`` the translations of ``everyday_sentences.txt`` are written there, unselected.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import sacrebleu

import octavo
from octavo.translation import Translator

SENTENCES = Path(__file__).with_name("everyday_sentences.txt")
DEV_SETS = ("software-ui", "documentation", "games-dialogue")
NUMBERED_SEGMENTS = 500
NUMBER = re.compile(r"\d+")
PLACEHOLDER = re.compile(
    r"%\(\w+\)[sd]|%\d?\$?[sdiu]|%\d+|\$?\{\{?[^{}\s]+\}?\}|</?[A-Za-z][^<>]*>|&\w+;|__\w+__|\$\w+"
)
LOOP_TOKENS, LOOP_TIMES = 4, 3


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
    return [found.text for found in translator(list(texts), beam=4)]


def kept_share(
    statement: str,
    translator: Translator,
    texts: Sequence[str],
    parts: Callable[[str], Counter[str]],
) -> Share:
    """How often all parts of the source stand in the translation as often."""
    found = translate(translator, texts)
    kept = sum(not parts(source) - parts(target) for source, target in zip(texts, found, strict=True))
    return Share(statement, kept, len(texts))


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


def measure(translator: Translator, data: Path, everyday: Path) -> tuple[list[Share], dict[str, float]]:
    """All of it."""
    dev = [line for name in DEV_SETS for line in lines(everyday / name / "dev.en")]
    numbered = [line for line in [*dev, *lines(data / "news-en-de/newstest2013.en")] if NUMBER.search(line)]
    marked = [line for line in dev if PLACEHOLDER.search(line)]
    news = lines(data / "news-en-de/newstest2014.en")
    news_found = translate(translator, news)
    calendar = [str(day) for day in range(1, 32)]
    calendar_found = translate(translator, calendar)
    looping = sum(loops(s, t) for s, t in zip(news, news_found, strict=True))
    empty = sum(bool(s.strip()) and not t for s, t in zip(news, news_found, strict=True))
    shares = [
        kept_share("all numbers kept", translator, numbered[:NUMBERED_SEGMENTS], numbers),
        kept_share("all placeholders and tags kept", translator, marked, placeholders),
        Share("days 1 to 31 unchanged", sum(map(str.__eq__, calendar, calendar_found)), len(calendar)),
        Share("newstest2014 lines without a loop", len(news) - looping, len(news)),
        Share("newstest2014 lines with a translation", len(news) - empty, len(news)),
    ]
    return shares, case_figures(translator, data)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="model directory; default: the model in the box")
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    parser.add_argument("--everyday", type=Path, required=True, help="folder of the everyday corpus")
    parser.add_argument("--list", type=Path, help="write the everyday sentences' translations there")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    translator = octavo.load(arguments.model) if arguments.model else octavo.load()
    if arguments.list:
        sources = lines(SENTENCES)
        pairs = zip(sources, translate(translator, sources), strict=True)
        arguments.list.write_text("".join(f"{s}\t{t}\n" for s, t in pairs), encoding="utf-8")
    shares, cases = measure(translator, arguments.data, arguments.everyday)
    if arguments.json:
        print(json.dumps({"shares": [dataclasses.asdict(share) for share in shares], "case": cases}))
        return
    print(*shares, sep="\n")
    print(
        "Tatoeba test, BLEU without case: " + ", ".join(f"{name} {bleu:.2f}" for name, bleu in cases.items())
    )


if __name__ == "__main__":
    main()
