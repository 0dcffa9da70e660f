"""The forms of a model that ``integer_table`` and ``integer_perplexity`` compare, one a row."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import sys
import time
from pathlib import Path
from typing import Any, Final

from integer_dynamic import DynamicArithmetic

from octavo.artifact import ModelDirectory
from octavo.engine import cpu_report
from octavo.machine import cpu_model
from octavo.model.config import AttentionFunction
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import DType

SOFTMAX: Final = "softmax, float32"
INT8: Final = "softmax, int8"
INTEGER_FLOAT: Final = "Integer Transformer, float32"
INTEGER: Final = "Integer Transformer, integers"
DYNAMIC: Final = "Integer Transformer, dynamic integers"
PRECISIONS: Final[dict[str, Any]] = {SOFTMAX: "float32", INT8: "int8", INTEGER: "integer"}
"""The precision of each row that the engine runs; PyTorch and numpy compute the other two."""

_SCHEMES: Final = {
    SOFTMAX: {Scheme.NONE},
    INT8: {Scheme.INT8, Scheme.INT8_DYNAMIC},
    INTEGER_FLOAT: {Scheme.NONE},
    INTEGER: {Scheme.INTEGER},
    DYNAMIC: {Scheme.NONE},
}
_BYTES: Final = {DType.F32: 4, DType.F16: 2, DType.I8: 1, DType.I16: 2, DType.I32: 4}
_CPU_TIMES: Final = Path("/proc/stat")


def add_arguments(parser: argparse.ArgumentParser, output: str) -> None:
    """The models, and what both programs let the user choose."""
    parser.add_argument("--softmax", type=Path, required=True, help="float model directory")
    parser.add_argument("--int8", type=Path, help="the same in int8")
    parser.add_argument("--integer-float", type=Path, help="float Integer Transformer (needs PyTorch)")
    parser.add_argument("--integer", type=Path, required=True, help="the same in integers")
    parser.add_argument(
        "--dynamic",
        action="store_true",
        help="also --integer-float in the paper's dynamic form, by numpy; slow",
    )
    parser.add_argument("--rounds", type=int, default=5, help="of speed; at least 1")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rest", type=float, default=10, help="seconds to wait before speed is measured")
    parser.add_argument("--output", type=Path, default=Path(output), help="OUTPUT.json, OUTPUT.md")


def open_models(arguments: argparse.Namespace, *, language_models: bool) -> dict[str, ModelDirectory]:
    """The model of each row that was asked for. Exits where one is not what its row says."""
    if arguments.dynamic and not arguments.integer_float:
        sys.exit("--dynamic needs --integer-float: it runs the float model's weights")
    if arguments.rounds < 1:
        sys.exit("--rounds must be at least 1")
    check_output(arguments.output)
    paths = {
        SOFTMAX: arguments.softmax,
        INT8: arguments.int8,
        INTEGER_FLOAT: arguments.integer_float,
        INTEGER: arguments.integer,
        DYNAMIC: arguments.integer_float if arguments.dynamic else None,
    }
    models = {row: ModelDirectory.open(path) for row, path in paths.items() if path}
    for row, model in models.items():
        softmax = model.config.attention is AttentionFunction.SOFTMAX
        if model.scheme not in _SCHEMES[row] or softmax != (row in (SOFTMAX, INT8)):
            sys.exit(
                f"{model.path}: has {model.config.attention} attention and scheme {model.scheme}: not {row}"
            )
        if model.config.is_language_model != language_models:
            sys.exit(f"{model.path}: a {'language' if language_models else 'translation'} model is needed")
    if DYNAMIC in models:
        DynamicArithmetic(models[DYNAMIC])  # what it refuses, it refuses now
    return models


def check_output(output: Path) -> None:
    """Exits where reports could not be written."""
    if not output.parent.is_dir():
        sys.exit(f"--output: {output.parent} is not a directory")


def tensor_bytes(model: ModelDirectory, row: str) -> int:
    """The bytes of the tensors as stored; those of a float model count as float32."""
    types = model.stored_types()
    return sum(
        math.prod(spec.shape) * (4 if PRECISIONS[row] == "float32" else _BYTES[types[spec.name]])
        for spec in model.tensor_specs()
    )


def facts(arguments: argparse.Namespace, models: dict[str, ModelDirectory]) -> dict[str, Any]:
    """What a report says of its run."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "name": models[SOFTMAX].name,
        "models": {row: model.name for row, model in models.items()},
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "cpu": cpu_model(),
        "isa": cpu_report()["isa"],
    }


def rest(seconds: float) -> float | None:
    """Says that speed comes next and waits; the share of the CPU's time that was idle, where known."""
    print("speed is measured next", file=sys.stderr)
    before = _cpu_times()
    time.sleep(seconds)
    after = _cpu_times()
    if before is None or after is None or after[1] == before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def _cpu_times() -> tuple[int, int] | None:
    """The idle ticks and all ticks of all cores since the system started."""
    try:
        first = _CPU_TIMES.read_text(encoding="ascii").split("\n", 1)[0]
    except OSError:
        return None
    ticks = [int(field) for field in first.split()[1:]]
    return ticks[3] + ticks[4], sum(ticks[:8])


def conditions(run: dict[str, Any]) -> str:
    """How speed was measured, for people."""
    idle = run["idle_before"]
    return (
        f"{run['threads']} threads, {run['rounds']} interleaved rounds. {run['cpu']}, {run['isa']}"
        + ("" if idle is None else f"; before the rounds {idle:.0%} of the CPU's time was idle")
        + "."
    )


def cost_cells(values: dict[str, Any]) -> list[str]:
    """The cells of a row: tokens per second, the ratio to float32, peak memory, size; empty where unknown."""
    if "tokens_per_second" not in values:
        return [""] * 4
    speed = values["tokens_per_second"]
    return [
        f"{speed['median']:,.0f} ({speed['low']:,.0f} to {speed['high']:,.0f})",
        f"{values['against_float32']:.2f}",
        f"{values['peak_bytes'] / 2**20:.0f}",
        f"{values['tensor_bytes'] / 1e6:.2f}",
    ]


def write(output: Path, report: dict[str, Any], markdown: str) -> None:
    """OUTPUT.json and OUTPUT.md."""
    Path(f"{output}.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    Path(f"{output}.md").write_text(markdown, encoding="utf-8")
