"""Whether placeholders stay: strings of PO files that have some, translated; each counted before and after.

    python benchmarks/placeholders.py FOLDER-OR-FILE.po ...

A string is one msgid. What counts is what ``octavo.text.protected`` calls a placeholder or a tag, found anew
in the translation. A string is kept where it has each of them exactly as often as its source.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import octavo
from octavo.documents import DocumentError, DocumentOptions
from octavo.documents.formats import format_named
from octavo.text.parts import plain
from octavo.text.protected import Kind, protected_spans
from octavo.translation import TranslationWarning

STRINGS = 1000
MOST_CHARACTERS = 2000
LANGUAGE = re.compile(rb'^"Language: ([A-Za-z]+)', re.MULTILINE)
COUNTED = (Kind.PLACEHOLDER, Kind.TAG)


def placeholders(text: str) -> Counter[str]:
    """How often each placeholder is in the text."""
    return Counter(text[span.start : span.end] for span in protected_spans(text) if span.kind in COUNTED)


def files(names: Sequence[Path]) -> Iterator[Path]:
    """The PO files named, and those of the folders named."""
    for name in names:
        yield from sorted(name.rglob("*.po")) if name.is_dir() else [name]


def strings(names: Sequence[Path]) -> list[str]:
    """All different msgids with placeholders."""
    found: dict[str, None] = {}
    for path in files(names):
        try:
            data = path.read_bytes()
            stated = LANGUAGE.search(data)
            options = DocumentOptions(target_language=stated[1].decode() if stated else "de")
            document = format_named("po").read(data, options)
        except (DocumentError, OSError):
            continue
        for passage in document.passages:
            text = plain(passage.parts)
            if len(text) <= MOST_CHARACTERS and placeholders(text):
                found[text] = None
    return list(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="PO files, or folders of them")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--show", type=int, default=0, help="so many translations")
    arguments = parser.parse_args()
    there = strings(arguments.files)
    texts = random.Random(1).sample(there, min(STRINGS, len(there)))
    total = sum(sum(placeholders(text).values()) for text in texts)
    with octavo.load(arguments.model) as translator:
        start = time.perf_counter()
        found = translator(texts)
        seconds = time.perf_counter() - start
    lost = [one for one in found if placeholders(one.text) != placeholders(one.source)]
    pieces = sum(TranslationWarning.PIECES in one.warnings for one in found)
    for one in [*lost, *found][: arguments.show]:
        print(f"{one.source!r}\n{one.text!r}")
    print(
        f"{len(texts)} of {len(there)} strings, {total} placeholders: all kept in {len(texts) - len(lost)}; "
        f"translated in pieces: {pieces}; {seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
