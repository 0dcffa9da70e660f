"""Does Octavo stay as fast and as small however long the text is?

    python benchmarks/flat.py --source train.en --sizes 3000 30000 300000

Translates the lines of a file, again and again, until there are as many as a size says: from text to text,
each size in a process of its own. Reports target tokens per second and the process's peak memory. Nothing is
cached, so a line that comes again costs as much as the first time. Writes OUTPUT.json and
OUTPUT.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

STRETCH = 30_000  # sentences after which the speed is taken: what changes within a size is the machine


def repeated_lines(path: Path, count: int) -> Iterator[str]:
    """The first ``count`` lines of the file repeated, empty ones left out, one in memory at a time."""

    def lines() -> Iterator[str]:
        while True:
            with path.open(encoding="utf-8") as file:
                yield from (line.rstrip("\n") for line in file if line.strip())

    return itertools.islice(lines(), count)


def translate(model: Path | None, source: Path, count: int, options: dict[str, Any]) -> dict[str, Any]:
    """Translate so many lines and drop them. Returns the figures."""
    import octavo
    from octavo.bench.resident import peak_resident_bytes

    with octavo.load(model, threads=options["threads"]) as translator:
        loaded = peak_resident_bytes()
        tokens, stretch, stretches = 0, 0, []
        start = stretch_start = time.perf_counter()
        for number, translation in enumerate(
            translator.stream(repeated_lines(source, count), beam=options["beam"]), 1
        ):
            tokens += translation.target_tokens
            if number % STRETCH == 0:
                now = time.perf_counter()
                stretches.append((tokens - stretch) / (now - stretch_start))
                stretch, stretch_start = tokens, now
        seconds = time.perf_counter() - start
    return {
        "sentences": count,
        "target_tokens": tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
        "tokens_per_second_of_stretches": stretches,
        "peak_memory_bytes": peak_resident_bytes(),
        "peak_memory_loaded_bytes": loaded,
    }


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run = report["run"]
    first = report["sizes"][0]
    lines = [
        "# Short and long texts",
        "",
        (
            f"{run['model']}, lines of {run['source']}, beam {run['beam']}, {run['threads']} threads, text "
            f"to text. {run['cpu']}, {run['isa']}; load average before: {run['load_average_before']:.2f}."
        ),
        "",
        f"| sentences | tokens/s | against the first | each {STRETCH:,} | peak memory | since loaded |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in report["sizes"]:
        peak, loaded = (row[key] / 2**20 for key in ("peak_memory_bytes", "peak_memory_loaded_bytes"))
        ratio = row["tokens_per_second"] / first["tokens_per_second"]
        stretches = row["tokens_per_second_of_stretches"]
        each = f"{min(stretches):,.0f} to {max(stretches):,.0f}" if stretches else ""
        lines.append(
            f"| {row['sentences']:,} | {row['tokens_per_second']:,.0f} | {ratio:.3f} | {each} | "
            f"{peak:,.0f} MiB | {peak - loaded:,.0f} MiB |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure each size, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--source", type=Path, required=True, help="text, a sentence a line")
    parser.add_argument("--model", type=Path, help="default: the model in the box")
    parser.add_argument("--sizes", type=int, nargs="+", default=[3_000, 30_000, 300_000], metavar="N")
    parser.add_argument("--beam", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, default=Path("flat"), help="OUTPUT.json and OUTPUT.md")
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    options = {"beam": arguments.beam, "threads": arguments.threads}
    sizes = []
    for count in arguments.sizes:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            sizes.append(
                process.submit(translate, arguments.model, arguments.source, count, options).result()
            )

    from octavo.engine import cpu_report
    from octavo.machine import cpu_model

    report = {
        "run": {
            **options,
            "model": arguments.model.name if arguments.model else "the model in the box",
            "source": arguments.source.name,
            "cpu": cpu_model(),
            "isa": cpu_report()["isa"],
            "load_average_before": load_before,
        },
        "sizes": sizes,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{arguments.output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{arguments.output}.md").write_text(markdown(report), encoding="utf-8")
    print(markdown(report))


if __name__ == "__main__":
    main()
