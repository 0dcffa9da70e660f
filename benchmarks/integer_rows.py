"""The forms of a model that ``integer_table`` and ``integer_perplexity`` compare, one a row."""

from __future__ import annotations

import argparse
import datetime as dt
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from octavo.artifact import ModelDirectory
from octavo.cli.machine import cpu_model
from octavo.engine import cpu_report
from octavo.tensor_table import DType

SOFTMAX: Final = "softmax, float32"
INT8: Final = "softmax, int8"
INTEGER_FLOAT: Final = "Integer Transformer, float32"
INTEGER: Final = "Integer Transformer, integers"
DYNAMIC: Final = "Integer Transformer, dynamic integers"
PRECISIONS: Final[dict[str, Any]] = {SOFTMAX: "float32", INT8: "int8", INTEGER: "integer"}
"""Of the rows that the engine runs; the other two are computed by PyTorch and by numpy."""

BYTES: Final = {DType.F32: 4, DType.F16: 2, DType.I8: 1, DType.I16: 2, DType.I32: 4}


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rest", type=float, default=0, help="seconds to wait before speed is measured")
    parser.add_argument("--output", type=Path, default=Path(output), help="OUTPUT.json, OUTPUT.md")


def open_models(arguments: argparse.Namespace) -> dict[str, ModelDirectory]:
    """The model of each row that was asked for."""
    if arguments.dynamic and not arguments.integer_float:
        raise SystemExit("--dynamic needs --integer-float: it runs the float model's weights")
    paths = {
        SOFTMAX: arguments.softmax,
        INT8: arguments.int8,
        INTEGER_FLOAT: arguments.integer_float,
        INTEGER: arguments.integer,
        DYNAMIC: arguments.integer_float if arguments.dynamic else None,
    }
    return {row: ModelDirectory.open(path) for row, path in paths.items() if path}


def tensor_bytes(model: ModelDirectory, row: str) -> int:
    """As stored; a float model's in float32."""
    types = model.stored_types()
    return sum(
        math.prod(spec.shape) * (4 if PRECISIONS[row] == "float32" else BYTES[types[spec.name]])
        for spec in model.tensor_specs()
    )


def rest(arguments: argparse.Namespace) -> None:
    """Say that quality is known and speed comes, and wait."""
    print("speed is measured next", file=sys.stderr)
    time.sleep(arguments.rest)


def run_facts(arguments: argparse.Namespace, model: ModelDirectory) -> dict[str, Any]:
    """What a report says of its run. Call it before anything is measured."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "name": model.name,
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "load_average_before": os.getloadavg()[0],
        "cpu": cpu_model(),
        "isa": cpu_report()["isa"],
    }


def cost_cells(values: dict[str, Any], softmax: dict[str, Any]) -> list[str]:
    """Of a row: tokens per second, the ratio to float32, peak memory, size; empty where it has none."""
    if "tokens_per_second" not in values:
        return [""] * 4
    speed = values["tokens_per_second"]
    return [
        f"{speed['median']:,.0f} ({speed['low']:,.0f} to {speed['high']:,.0f})",
        f"{speed['median'] / softmax['tokens_per_second']['median']:.2f}",
        f"{values['peak_bytes'] / 2**20:.0f}",
        f"{values['tensor_bytes'] / 1e6:.2f}",
    ]
