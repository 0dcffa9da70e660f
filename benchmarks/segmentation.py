"""How well and how fast text is cut into sentences, beside sentencex where it is installed.

    python benchmarks/segmentation.py --language en newstest2014.en
    python benchmarks/segmentation.py --arbitrary 20000

The lines of a text that end like a sentence are joined three by three, and a splitter is to find them again.
The figures are those of the cuts it makes and misses. ``--arbitrary`` segments texts of any characters, and
checks that segments and separators joined are the text. Install sentencex to compare with it.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from octavo.artifact import ModelDirectory
from octavo.artifact.boxed import boxed_model
from octavo.text import Segmenter
from octavo.text.sentences import sentence_ends

LAYOUT = [
    "\n",
    "\n\n",
    "\n- ",
    "\n1. ",
    "\r\n",
    "\t",
    " ",
    "  ",
    ". ",
    "? ",
    "Dr. ",
    "A",
    "b",
    "3",
    "“",
    "😀",
    "\u200d",
    "> ",
]

Ends = Callable[[str], list[int]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="*", type=Path, help="texts with one sentence a line")
    parser.add_argument("--language", default="en", help="the tag of their language")
    parser.add_argument("--show", type=int, default=0, help="how many wrong cuts of each splitter to print")
    parser.add_argument(
        "--arbitrary", type=int, default=0, help="how many texts of any characters to segment"
    )
    arguments = parser.parse_args()
    if arguments.arbitrary:
        check_arbitrary(arguments.arbitrary)
    splitters: dict[str, Ends] = {"octavo": lambda text: sentence_ends(text, arguments.language)}
    try:
        import sentencex
    except ImportError:
        print("sentencex is not installed")
    else:
        splitters["sentencex"] = lambda text: [
            found["end_index"] for found in sentencex.get_sentence_boundaries(arguments.language, text)[:-1]
        ]
    for path in arguments.texts:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        sentences = [line for line in lines if line and line[-1] in '.!?"“»' and line[0].isupper()]
        groups = [sentences[i : i + 3] for i in range(0, len(sentences) - 2, 3)]
        print(f"{path.name}: {len(groups)} texts of three lines")
        for name, ends in splitters.items():
            report(name, ends, groups, arguments.show)
        agreement(splitters, lines)


def report(name: str, ends: Ends, groups: Sequence[Sequence[str]], show: int) -> None:
    """Prints which cuts a splitter makes of texts that consist of known sentences."""
    right = wrong = missed = 0
    texts = [" ".join(group) for group in groups]
    start = time.process_time()
    all_found = [ends(text) for text in texts]
    seconds = time.process_time() - start
    for group, text, found in zip(groups, texts, all_found, strict=True):
        expected = {len(group[0]) + 1, len(group[0]) + len(group[1]) + 2}
        right += len(expected & set(found))
        missed += len(expected - set(found))
        wrong += len(set(found) - expected)
        for at in sorted(expected ^ set(found)):
            if show:
                show -= 1
                print(
                    f"    {'missed' if at in expected else 'cut'}: {text[at - 50 : at]}|{text[at : at + 30]}"
                )
    print(
        f"  {name:10s} {right} cuts right, {missed} missed, {wrong} within lines; "
        f"{seconds / len(texts) / 3 * 1e6:.1f} us a line"
    )


def check_arbitrary(number: int) -> None:
    """Segments texts drawn by seed, as lines and as paragraphs; prints how many are not the same again."""
    tokenizer = ModelDirectory.open(boxed_model()).tokenizers()[0]
    lost = segments = 0
    for seed in range(number):
        draw = random.Random(seed)
        text = "".join(draw.choice(LAYOUT) if draw.random() < 0.5 else any_character(draw) for _ in range(60))
        kept = [(start, start + draw.randrange(8)) for start in (draw.randrange(60) for _ in range(seed % 3))]
        segmenter = Segmenter(
            tokenizer,
            language=draw.choice(["en", "de", "fr", "ja"]),
            longest=draw.choice([8, 40, 400]),
            sentence_by_sentence=draw.random() < 0.8,
        )
        for wrapped in (False, True):
            found = segmenter.segments(text, wrapped=wrapped, kept=kept)
            parts = [text[segment.start : segment.end] for segment in found.segments]
            segments += len(parts)
            lost += found.joined(parts) != text or any(part != part.strip() or not part for part in parts)
    print(f"{number} arbitrary texts, {segments} segments: {lost} are not what they were when joined again")


def any_character(draw: random.Random) -> str:
    """A character of any plane of Unicode, lone surrogates included."""
    return chr(draw.randrange(draw.choice([0x80, 0x250, 0x3000, 0x10000, 0x110000])))


def agreement(splitters: dict[str, Ends], lines: Sequence[str]) -> None:
    """Prints of how many lines all splitters make the same cuts."""
    same = sum(len({tuple(ends(line)) for ends in splitters.values()}) == 1 for line in lines)
    print(f"  agreement of {', '.join(splitters)}: {same} of {len(lines)} lines")


if __name__ == "__main__":
    main()
