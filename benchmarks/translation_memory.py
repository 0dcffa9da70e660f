"""How fast a translation memory is: adding, exact and fuzzy lookup, TMX in, among many entries.

    python benchmarks/translation_memory.py --source train.en --target train.de --entries 100000

Where the texts have fewer lines than entries are wanted, lines come again with a number at their end.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from octavo.memory import TranslationMemory
from octavo.memory.tmx import TmxReader
from octavo.memory.tmx_writer import TmxWriter

_Result = TypeVar("_Result")
BLOCK = 1024
QUERIES = 200


def main() -> None:
    """Measure, and print a line for each operation."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", type=Path, nargs="+", required=True)
    parser.add_argument("--target", type=Path, nargs="+", required=True)
    parser.add_argument("--entries", type=int, default=100_000)
    options = parser.parse_args()
    pairs = list(itertools.islice(numbered(lines(options.source), lines(options.target)), options.entries))
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), pairs)


def lines(paths: list[Path]) -> list[str]:
    """The lines of all files."""
    return [line for path in paths for line in path.read_text(encoding="utf-8").split("\n")]


def numbered(sources: list[str], targets: list[str]) -> Iterator[tuple[str, str]]:
    """The pairs, again and again, from the second time on with a number."""
    for turn in itertools.count():
        for source, target in zip(sources, targets, strict=True):
            if source and target:
                yield f"{source} {turn or ''}", target


def measure(folder: Path, pairs: list[tuple[str, str]]) -> None:
    """Time each operation on a memory of these pairs."""
    sources = [source for source, _ in pairs]
    with TranslationMemory.open(folder / "m.db") as memory:
        session = memory.session(model="m", options="o", source_language="en", target_language="de")
        blocks = [pairs[start : start + BLOCK] for start in range(0, len(pairs), BLOCK)]
        timed(f"add, in blocks of {BLOCK:,}", len(pairs), lambda: [session.add(block) for block in blocks])
        timed("look up, all there", len(pairs), lambda: session.lookup(sources))
        timed("look up, none there", len(pairs), lambda: session.lookup([f"{text} ?" for text in sources]))
        timed("first fuzzy query, which reads all", 1, lambda: session.fuzzy("A man rides."))
        milliseconds = [1e3 * seconds(lambda text=text: session.fuzzy(text))[0] for text in queries(sources)]
        print(
            f"{'fuzzy query':<36}{statistics.mean(milliseconds):8.1f} ms mean, "
            f"{max(milliseconds):.1f} ms at most of {QUERIES}"
        )
        writer = TmxWriter(source_language="en", version="0")
        entries = memory.entries(source_language="en", target_language="de")
        (folder / "m.tmx").write_text("\n".join(writer.lines(entries)), encoding="utf-8")
        print(f"{'file':<36}{memory.path.stat().st_size / writer.written:8.0f} bytes an entry")
        timed("import TMX", writer.written, lambda: import_tmx(folder))


def import_tmx(folder: Path) -> None:
    """Read m.tmx into a new memory."""
    reader = TmxReader(folder / "m.tmx", source_language="en", target_language="de", advance=lambda *_: None)
    with TranslationMemory.open(folder / "other.db") as memory:
        memory.add_imported(reader.pairs(), source_language="en", target_language="de")


def queries(sources: list[str]) -> Iterator[str]:
    """Some of the sources, each with a word in its middle changed."""
    for source in random.Random(1).sample(sources, QUERIES):
        words = source.split()
        words[len(words) // 2] = "something"
        yield " ".join(words)


def timed(what: str, items: int, run: Callable[[], object]) -> None:
    """Run, and print how long it took, all and for each item."""
    took, _ = seconds(run)
    print(f"{what:<36}{took:8.2f} s{'' if items == 1 else f', {1e6 * took / items:.1f} us each'}")


def seconds(run: Callable[[], _Result]) -> tuple[float, _Result]:
    """How long it takes, and the result."""
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
