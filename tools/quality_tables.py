"""The tables of the model in the box, in README.md and in its card: BLEU, chrF, and ordinary text.

    python tools/quality_tables.py          prints them
    python tools/quality_tables.py --write  puts them into the documents, between their marks

``tools/record_quality.py`` measures the figures, of ``models/en-de`` for float32 and of the model in the box,
and ``benchmarks/everyday.py --json`` those of ordinary text. Beside them stand those of the earlier model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marked_tables import Tables, print_or_write

ROOT = Path(__file__).resolve().parents[1]
BOX = ROOT / "src" / "octavo" / "models" / "en-de"
MODELS = {"float32": ROOT / "models" / "en-de", "int8": BOX}
METRICS = {"BLEU": "bleu", "chrF": "chrf"}
RESULTS = ROOT / "benchmarks" / "results"
EARLIER = RESULTS / "earlier-box.json"
EVERYDAY = RESULTS / "everyday.json"


def figures(quality: Path) -> dict[str, Any]:
    """What a quality.json says of each test set, by its name."""
    test = json.loads(quality.read_text(encoding="utf-8"))["test"]
    return {name: found for name, found in test.items() if name != "date"}


def rows(metrics: dict[str, str]) -> Iterator[str]:
    """A table with each metric of each model, a test set a line."""
    found = {precision: figures(model / "quality.json") for precision, model in MODELS.items()}
    found["int8, the earlier model"] = figures(EARLIER)
    columns = [(which, metric) for metric in metrics for which in found]
    heads = [which if len(metrics) == 1 else f"{metric} {which}" for which, metric in columns]
    yield f"| test set | {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * len(heads)}"
    for name in found["int8"]:
        cells = [f"{found[which][name][metrics[metric]]:.2f}" for which, metric in columns]
        yield f"| {name} | {' | '.join(cells)} |"


def bleu() -> Iterator[str]:
    """BLEU alone."""
    return rows({"BLEU": METRICS["BLEU"]})


def all_metrics() -> Iterator[str]:
    """BLEU and chrF."""
    return rows(METRICS)


def everyday() -> Iterator[str]:
    """What was counted on ordinary text."""
    report = json.loads(EVERYDAY.read_text(encoding="utf-8"))
    yield "| on ordinary text, int8 | |"
    yield "| --- | ---: |"
    for share in report["shares"]:
        percent = 100 * share["kept"] / share["of"]
        yield f"| {share['statement']} | {share['kept']:,} of {share['of']:,} ({percent:.1f} %) |"
    for name, bleu in report["case"].items():
        yield f"| Tatoeba test, {name} case, BLEU without regard to case | {bleu:.2f} |"


DOCUMENTS: dict[Path, Tables] = {
    ROOT / "README.md": {"quality": bleu},
    BOX / "MODEL_CARD.md": {"quality": all_metrics, "everyday": everyday},
}

if __name__ == "__main__":
    print_or_write(DOCUMENTS, Path(__file__).name, (__doc__ or "").split("\n\n")[0])
