"""Measures a model on its test sets and records the figures in its quality.json.

    python tools/record_quality.py models/en-de --data corpora

Runs `octavo evaluate` with the model's own search defaults, beam included, on each set. The corpora are in a
folder each, that of everyday text, software, documentation and dialogue in ``everyday-en-de``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from octavo import durable

SETS = {
    "Multi30k test_2016_flickr": "multi30k/test_2016_flickr",
    "Multi30k test_2017_flickr": "multi30k/test_2017_flickr",
    "Tatoeba test": "tatoeba-en-de/test",
    "newstest2013": "news-en-de/newstest2013",
    "newstest2014": "news-en-de/newstest2014",
    "software-ui": "everyday-en-de/software-ui/test",
    "documentation": "everyday-en-de/documentation/test",
    "games-dialogue": "everyday-en-de/games-dialogue/test",
}
KEPT = ("lines", "bleu", "bleu_signature", "chrf", "chrf_signature", "length_ratio", "incomplete")


def evaluate(model: Path, prefix: Path) -> dict[str, Any]:
    """The figures of one set, whose files are PREFIX.en and PREFIX.de."""
    command = [sys.executable, "-m", "octavo", "evaluate", "--json", "--model", str(model)]
    command += ["--source", f"{prefix}.en", "--reference", f"{prefix}.de"]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    figures = {key: round(report[key], 4) if isinstance(report[key], float) else report[key] for key in KEPT}
    return {**figures, "precision": report["precision"], "search": report["search"]}


def record(model: Path, data: Path) -> None:
    """Replace the "test" section of the model's quality.json; the rest stays. A missing set is named before
    any is measured.
    """
    missing = [prefix for prefix in SETS.values() if not (data / f"{prefix}.en").exists()]
    if missing:
        raise SystemExit(
            f"{data}: has no {', '.join(f'{prefix}.en' for prefix in missing)}; put the corpora there"
        )
    path = model / "quality.json"
    quality = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    quality["test"] = {name: evaluate(model, data / prefix) for name, prefix in SETS.items()}
    quality["test"]["date"] = dt.datetime.now(dt.UTC).date().isoformat()
    durable.write_file(path, (json.dumps(quality, indent=2, ensure_ascii=False) + "\n").encode())
    for name, figures in quality["test"].items():
        if isinstance(figures, dict):
            print(f"{name}: BLEU {figures['bleu']:.2f}, chrF {figures['chrf']:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("--data", type=Path, required=True, help="folder of the corpora")
    arguments = parser.parse_args()
    record(arguments.model, arguments.data)
