"""Damaged files of other programs' models, by a seeded generator: each is read, or refused in one sentence.

python benchmarks/fuzz_conversion.py --mutations 5000

No file may bring an error of another kind, run what it names, or need more than 4 GiB of addresses.
"""

from __future__ import annotations

import argparse
import collections
import random
import resource
import sys
import tempfile
from pathlib import Path

from benchmarks import fuzz_ctranslate2_files, fuzz_marian_files, fuzz_model_files
from benchmarks.damage import check_message, damaged

from octavo.conversion import ConversionError
from octavo.errors import ModelError

_MOST_BYTES = 4 << 30

FORMATS = {**fuzz_marian_files.FORMATS, **fuzz_model_files.FORMATS, **fuzz_ctranslate2_files.FORMATS}


def run(kind: str, count: int, seed: int, folder: Path) -> collections.Counter[str]:
    """Try ``count`` damaged files of a format. Raises whatever is no error of one sentence."""
    tried = FORMATS[kind]
    outcomes: collections.Counter[str] = collections.Counter()
    path = folder / kind / f"file.{kind}"
    path.parent.mkdir()
    for number in range(count):
        rng = random.Random(f"{seed} {kind} {number}")
        path.write_bytes(tried.odd(rng) if number % 4 == 3 else damaged(tried.whole(rng), rng))
        try:
            tried.use(path)
            outcomes["read"] += 1
        except (ConversionError, ModelError) as error:
            check_message(error)
            outcomes["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{kind}: seed {seed}, number {number}") from error
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutations", type=int, default=5_000, help="of each format")
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=list(FORMATS))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.formats:
            outcomes = run(kind, arguments.mutations, arguments.seed, Path(folder))
            print(f"{kind}: {dict(sorted(outcomes.items()))}", flush=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
