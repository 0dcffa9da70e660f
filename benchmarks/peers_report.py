"""What benchmarks/peers.py measured, as a table and as a plot."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

OURS, THEIRS, INK = "#2a78d6", "#8a8a86", "#7a7a76"  # each readable on white and on black


def markdown(report: dict[str, Any]) -> str:
    """The report for people."""
    run, rows = report["run"], report["contestants"]
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items() if version)
    peak = report["peak_multiply_adds_per_second"]
    lengths = f"translations of {run['forced']} tokens, " if run["forced"] else ""
    lines = [
        f"# Beside its peers: {run['model']}, beam {run['beam']}"
        + ", one sentence at a time" * run["latency"],
        "",
        (
            f"{run['date']}: {run['sentences']:,} sentences, {run['source_tokens']:,} tokens "
            f"({run['what']}), {lengths}{run['threads']} threads, {run['rounds']} interleaved rounds. "
            f"{run['cpu']}, {run['isa']}; {versions}; load average before: {run['load_average_before']:.2f}."
        ),
        "",
        *_table(run, rows),
        "",
        (
            f"Ratio: so many times as fast is {next(iter(rows))}. Peak of {run['threads']} threads: int8 "
            f"{peak['int8'] / 1e9:,.0f} GMAC/s, float32 {peak['float32'] / 1e9:,.0f} GMAC/s."
        ),
    ]
    for pair, count in report["same_outputs"].items():
        lines += [
            "",
            (
                f"{pair}: {count['same']:,} of {count['of']:,} translations are the same; "
                f"{count['tokens_of_octavo']:,} and {count['tokens_of_the_other']:,} tokens."
            ),
        ]
    for name, said in report["what_runs"].items():
        lines += ["", f"{name} says: {'; '.join(said)}."]
    return "\n".join(lines) + "\n"


def _table(run: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    memory = any(row["peak_memory_bytes"] for row in rows.values())
    shares = any(row.get("share_of_peak") for row in rows.values())
    head = ["", "ms a sentence" if run["latency"] else "tokens/s", "range", "ratio"]
    head += ["share of peak"] * shares + ["peak memory"] * memory
    lines = [_line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    digits = 2 if run["latency"] else 0
    for name, row in rows.items():
        low, high = (f"{row[key]:,.{digits}f}" for key in ("low", "high"))
        cells = [name, f"{row['median']:,.{digits}f}", f"{low} to {high}", f"{row['ratio']:.2f}"]
        if shares:
            cells.append(f"{row['share_of_peak']:.1%}" if row.get("share_of_peak") else "")
        if memory:
            cells.append(f"{row['peak_memory_bytes'] / 2**20:,.0f} MiB" if row["peak_memory_bytes"] else "")
        lines.append(_line(cells))
    return lines


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def plot(report: dict[str, Any], path: Path) -> None:
    """Bars of the medians with their ranges, on no background of its own."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    run, rows = report["run"], report["contestants"]
    names = list(rows)[::-1]
    medians = [rows[name]["median"] for name in names]
    ranges = [
        [rows[n]["median"] - rows[n]["low"] for n in names],
        [rows[n]["high"] - rows[n]["median"] for n in names],
    ]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "octavo", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(9, 0.6 + 0.5 * len(names)), layout="constrained")
        colors = [OURS if name.startswith("Octavo") else THEIRS for name in names]
        labels = [textwrap.fill(name, 44) for name in names]
        bars = axes.barh(labels, medians, height=0.6, color=colors)
        axes.errorbar(
            medians, range(len(names)), xerr=ranges, fmt="none", ecolor=INK, elinewidth=1, capsize=2
        )
        digits = 1 if run["latency"] else 0
        axes.bar_label(bars, [f"{median:,.{digits}f}" for median in medians], color=INK, padding=8)
        unit = "ms a sentence (less is better)" if run["latency"] else "target tokens a second"
        title = f"{run['model']}, beam {run['beam']}: {unit}"
        figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=11)
        axes.spines[:].set_visible(False)
        axes.xaxis.set_visible(False)
        axes.margins(x=0.15)
        axes.tick_params(length=0, colors=INK)
        figure.savefig(path, transparent=True, metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        plt.close(figure)
