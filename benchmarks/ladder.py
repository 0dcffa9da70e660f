"""The ladder of Bhandare et al. 2019 climbed again on this engine, each rung switched alone.

    python benchmarks/ladder.py --transformers --output ladder
    python benchmarks/ladder.py --quick --rungs cache sorting

Rungs: int8 products against float32 ones; a cache of keys and values that is reordered at every step;
sentences sorted by tokens, by words and not at all; streams; operations eliminated; end to end. Text is
translated by the model in the box with its own search; the base shape has random weights, 25 tokens in and 25
forced tokens out, and beam 4. Rounds are interleaved, a warm-up does not count, figures are medians. Tokens
are target tokens with EOS; loading and text are left out. Let the machine rest meanwhile. Writes OUTPUT.json
and OUTPUT.md.

Products need the native harness, native/tests/check_kernels: it is built where cmake is, or --harness names
it. --transformers needs the extra `peers`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ladder_engines
import ladder_kernels
from ladder_engines import Base, Scale, Text
from ladder_report import markdown

import octavo
from octavo.artifact import ModelDirectory
from octavo.engine import cpu_report
from octavo.machine import cpu_model, installed_versions

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("OCTAVO_TEST_DATA", ROOT.parent / "shared" / "data"))
NEWS = DATA / "news-en-de" / "newstest2014.en"
CAPTIONS = DATA / "multi30k" / "test_2016_flickr.en"
RUNGS = ("products", "cache", "sorting", "streams", "operations", "end_to_end")
FULL = {"rounds": 3, "base_sentences": 128, "text_sentences": 512, "generate_sentences": 32}
QUICK = {"rounds": 1, "base_sentences": 32, "text_sentences": 64, "generate_sentences": 16}


def parse_arguments() -> argparse.Namespace:
    """Options of the command line, checked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument(
        "--rungs", nargs="+", choices=RUNGS, default=RUNGS, metavar="RUNG", help="default: all"
    )
    parser.add_argument("--quick", action="store_true", help="little of everything: proves that it works")
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "en-de", help="float model directory")
    parser.add_argument("--int8", type=Path, default=ROOT / "src" / "octavo" / "models" / "en-de")
    parser.add_argument("--news", type=Path, default=NEWS, help="text of many lengths")
    parser.add_argument("--captions", type=Path, default=CAPTIONS, help="text that the model was trained for")
    parser.add_argument("--harness", type=Path, help="check_kernels; default: build it")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--transformers", action="store_true", help="run generate() too; slow")
    parser.add_argument("--output", type=Path, default=Path("ladder"), help="OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    for path in (arguments.model, arguments.int8, arguments.news, arguments.captions):
        if not path.exists():
            parser.error(f"{path}: does not exist")
    return arguments


def products(arguments: argparse.Namespace, rounds: int) -> dict[str, Any]:
    """The first rung, or why it was left out."""
    with tempfile.TemporaryDirectory(prefix="octavo-ladder-") as folder:
        harness = arguments.harness or ladder_kernels.build_harness(Path(folder))
        if harness is None:
            print("products: left out", file=sys.stderr)
            return {"left_out": "cmake is not installed, and --harness names no check_kernels"}
        return ladder_kernels.products(harness, cpu_report()["isa"], rounds)


def climb(arguments: argparse.Namespace, scale: Scale) -> dict[str, Any]:
    """Every rung asked for, in order."""
    read = (arguments.model, arguments.int8, scale.text_sentences)
    news, captions = (Text.read(path, *read) for path in (arguments.news, arguments.captions))
    base = Base()
    rungs: dict[str, Callable[[], Any]] = {
        "products": lambda: products(arguments, scale.rounds),
        "cache": lambda: ladder_engines.cache(base, scale),
        "sorting": lambda: ladder_engines.sorting(news, scale),
        "streams": lambda: ladder_engines.streams(base, (news, captions), scale),
        "operations": lambda: ladder_engines.operations(base, scale),
        "end_to_end": lambda: ladder_engines.end_to_end(
            base, news, captions, scale, transformers=arguments.transformers
        ),
    }
    return {name: run() for name, run in rungs.items() if name in arguments.rungs}


def main() -> None:
    """Measure, report."""
    arguments = parse_arguments()
    load_before = os.getloadavg()[0]
    scale = Scale(**(QUICK if arguments.quick else FULL), threads=arguments.threads)
    rungs = climb(arguments, scale)
    used: Sequence[str] = ("numpy", *(("torch", "transformers") if arguments.transformers else ()))
    report: dict[str, Any] = {
        "run": {
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "threads": scale.threads,
            "rounds": scale.rounds,
            "base_sentences": scale.base_sentences,
            "text_sentences": scale.text_sentences,
            "model": ModelDirectory.open(arguments.model).name,
            "cpu": cpu_model(),
            "isa": cpu_report()["isa"],
            "versions": {"octavo": octavo.__version__, **installed_versions(used)},
            "load_average_before": load_before,
        },
        "rungs": rungs,
    }
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
