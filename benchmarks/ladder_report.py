"""The report of benchmarks/ladder.py for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

TITLES = {
    "products": "int8 products (published: 2.4 times as fast on average, up to 3.7)",
    "cache": "The cache of keys and values (published: its reordering 5 times as fast in int8)",
    "sorting": "Sorting sentences (published: by tokens 28 % faster than by words)",
    "streams": "Streams (published: 1.4)",
    "operations": "Operations eliminated (published: no figure)",
    "end_to_end": "End to end (published: 1.51 over the best float32, 4.5 over float32 out of the box)",
}


def markdown(report: dict[str, Any]) -> str:
    """All rungs that were measured."""
    run = report["run"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    lines = [
        "# The ladder of Bhandare et al. 2019 on this engine",
        "",
        (
            f"{run['date']}: {run['threads']} threads where nothing else is said, medians of "
            f"{run['rounds']} interleaved rounds. Base shape: {run['base_sentences']} sentences. Text: "
            f"{run['model']}, {run['text_sentences']:,} sentences. {run['cpu']}, {run['isa']}; {versions}; "
            f"load average before: {run['load_average_before']:.2f}."
        ),
    ]
    for number, (rung, title) in enumerate(TITLES.items(), 1):
        if rung in report["rungs"]:
            lines += ["", f"## {number}. {title}", ""]
            lines += SECTIONS[rung](report["rungs"][rung])
    return "\n".join(lines) + "\n"


def products(found: dict[str, Any]) -> Iterator[str]:
    """How many times as long float32 takes, by shape and rows."""
    if "left_out" in found:
        yield f"Left out: {found['left_out']}."
        return
    rows = sorted({row["rows"] for row in found["products"]})
    yield "float32 takes so many times as long as int8 (input static, result in float32), one core:"
    yield ""
    yield "| model | product | inner x columns | " + " | ".join(f"{n} rows" for n in rows) + " |"
    yield "| --- | --- | ---: |" + " ---: |" * len(rows)
    for (model, site, inner, columns), group in groupby(found["products"], _shape):
        ratios = {row["rows"]: row["int8"]["static"]["float32_takes"] for row in group}
        cells = " | ".join(f"{ratios[n]:.2f}" for n in rows)
        yield f"| {model} | {site} | {inner:,} x {columns:,} | {cells} |"
    yield ""
    yield "| int8 | mean of all | lowest | highest |"
    yield "| --- | ---: | ---: | ---: |"
    for name, row in found["float32_takes"].items():
        yield f"| {name} | {row['mean']:.2f} | {row['low']:.2f} | {row['high']:.2f} |"


def _shape(row: dict[str, Any]) -> tuple[str, str, int, int]:
    return row["model"], row["site"], row["inner"], row["columns"]


def cache(found: dict[str, Any]) -> Iterator[str]:
    """What a step takes, and what the copies would."""
    yield (
        f"Base shape, one thread, {found['rows']} rows, {found['steps']} steps. The engine copies nothing; "
        "these are the copies of engines that reorder their cache after every step:"
    )
    yield ""
    yield "| | ms a step, median | its range |"
    yield "| --- | ---: | ---: |"
    for name, row in found["ms_a_step"].items():
        what = f"a step of the engine in {name[:-7]}" if name.endswith(" engine") else f"reordering, {name}"
        yield f"| {what} | {row['median']:.2f} | {row['low']:.2f} to {row['high']:.2f} |"
    yield ""
    yield "| | share of our step that the copies would add |"
    yield "| --- | ---: |"
    for name, share in found["share_of_step"].items():
        yield f"| {name} | {100 * share:.1f} % |"
    speeds = ", ".join(f"{name} {speed:.1f} GiB/s" for name, speed in found["gib_per_second"].items())
    yield ""
    yield (
        f"Copies of a float32 cache take {found['float32_cache_takes']:.2f} times as long as those of an "
        f"int8 cache ({speeds})."
    )


def race(found: dict[str, Any]) -> Iterator[str]:
    """The ways of one race."""
    columns = ["tokens/s, median", "its range", f"times {found['against']}"]
    ways = found["ways"]
    if padded := any("padded" in row for row in ways.values()):
        columns.append("positions a token, if padded")
    if ends := "int8" in ways:
        columns.append("int8 is so many times as fast")
    yield f"| {found['what']} | {' | '.join(columns)} |"
    yield "| --- |" + " ---: |" * len(columns)
    for name, row in ways.items():
        cells = [f"{row['median']:,.0f}", f"{row['low']:,.0f} to {row['high']:,.0f}", f"{row['times']:.2f}"]
        if padded:
            cells.append(f"{row['padded']:.2f}" if "padded" in row else "none padded")
        if ends:
            cells.append(f"{row['int8_times']:.2f}")
        yield f"| {name} | {' | '.join(cells)} |"


def races(found: list[dict[str, Any]]) -> Iterator[str]:
    """Several races."""
    for place, one in enumerate(found):
        if place:
            yield ""
        yield from race(one)


SECTIONS: dict[str, Callable[[Any], Iterator[str]]] = {
    "products": products,
    "cache": cache,
    "sorting": race,
    "streams": races,
    "operations": races,
    "end_to_end": races,
}
