"""``octavo inspect``: what a model directory holds."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from octavo.cli.options import JsonOption, named_model
from octavo.cli.terminal.json_output import print_json
from octavo.errors import printable
from octavo.model.architecture import products, sites
from octavo.model.plan import DYNAMIC
from octavo.model.scheme import Scheme
from octavo.model.tensor_table import DType

if TYPE_CHECKING:
    from rich.table import Table

    from octavo.artifact import ModelDirectory

_TYPE_BYTES: Final = {DType.F32: 4, DType.F16: 2, DType.I8: 1, DType.I16: 2, DType.I32: 4}
_FLOAT32_LISTED: Final = 4
_FIGURES_SHOWN: Final = 10
_WIDTH: Final = 100
_SCORES: Final = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "loss": "loss",
    "perplexity_per_token": "perplexity per token",
    "perplexity_per_word": "perplexity per word",
}


def inspect(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="MODEL is a model directory or an installed model. Without it, the English-German model in "
            "the box is used.",
            parser=named_model,
        ),
    ] = None,
    tensors: Annotated[bool, typer.Option("--tensors", help="Every tensor is listed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a model directory and show what it holds.

    It shows the configuration, the size of each part, how the weights are stored, which products run in int8,
    and the scores that were measured; --json has all that the model keeps. Everything is checked first, the
    checksum of the tensors too.

        octavo inspect
        octavo inspect models/en-de --tensors
        octavo inspect models/en-de --json
    """
    from octavo.artifact import ModelDirectory
    from octavo.translation import boxed_model

    report = _report(ModelDirectory.open(model or boxed_model()))
    if as_json:
        print_json(report)
    else:
        _print(report, tensors=tensors)


def _report(model: "ModelDirectory") -> dict[str, Any]:
    tensors = list(_stored_tensors(model))
    files = sorted(entry for entry in model.path.iterdir() if entry.is_file())
    return {
        "path": printable(str(model.path)),
        "name": model.name,
        "kind": "language model" if model.config.is_language_model else "translation model",
        "languages": [model.source_language, model.target_language],
        "language_codes": model.languages.to_dict() if model.languages else None,
        "scheme": str(model.scheme),
        "products": _products(model),
        "integer_scales": model.integer_scales.to_dict() if model.integer_scales else None,
        "shortlist": _shortlist(model),
        "alignment": model.alignment.to_dict() if model.alignment else None,
        "config": model.config.to_dict(),
        "search": model.search.to_dict(),
        "files": {printable(entry.name): entry.stat().st_size for entry in files},
        "parts": _parts(model, tensors),
        "tensors": tensors,
        "quality": model.quality,
    }


def _products(model: "ModelDirectory") -> dict[str, Any]:
    """How many products there are and how many run in int8, their inputs by kind, those left in float32."""
    names = [product.name for product in products(model.config)]
    if model.scheme is Scheme.INTEGER:
        static = {"static": len(sites(model.config))}
        return {"all": len(names), "int8": len(names), "inputs": static, "float32": []}
    if model.plan is None:
        return {"all": len(names), "int8": 0, "inputs": {}, "float32": names}
    float32 = [name for name in names if name in model.plan.float32]
    inputs = list(model.plan.inputs.values())
    kinds = {
        "static": len(inputs) - inputs.count(None),
        "static per head": len(model.plan.heads),
        DYNAMIC: inputs.count(None),
    }
    return {"all": len(names), "int8": len(names) - len(float32), "inputs": kinds, "float32": float32}


def _shortlist(model: "ModelDirectory") -> dict[str, Any] | None:
    """How many tokens every sentence may use, and how many others a source token brings, on the mean."""
    shortlist = model.shortlist()
    if shortlist is None:
        return None
    return {
        "common": len(shortlist.common),
        "mean_per_token": len(shortlist.tokens) / model.config.source_vocab_size,
    }


def _products_in_words(report: dict[str, Any]) -> Iterator[str]:
    yield f"{report['int8']} of {report['all']} products in int8"
    if inputs := ", ".join(f"{count} {kind}" for kind, count in report["inputs"].items() if count):
        yield f"their inputs: {inputs}"
    if report["int8"] and (float32 := report["float32"]):
        more = len(float32) - _FLOAT32_LISTED
        listed = ", ".join(float32[:_FLOAT32_LISTED]) + (f" and {more} more" if more > 0 else "")
        yield f"in float32: {listed}"


def _stored_tensors(model: "ModelDirectory") -> Iterator[dict[str, Any]]:
    """Name, shape, type on disk and size of every tensor."""
    types = model.stored_types()
    for spec in model.tensor_specs():
        kind = types[spec.name]
        size = math.prod(spec.shape) * _TYPE_BYTES[kind]
        yield {"name": spec.name, "shape": list(spec.shape), "type": str(kind), "bytes": size}


def _parts(model: "ModelDirectory", tensors: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Parameters, bytes and types on disk of each part of the model; scales are no parameters."""
    parts: dict[str, dict[str, Any]] = {}
    for spec, tensor in zip(model.tensor_specs(), tensors, strict=True):
        part = parts.setdefault(_part(spec.name), {"parameters": 0, "bytes": 0, "types": []})
        part["parameters"] += math.prod(spec.shape) if spec.kind.is_parameter else 0
        part["bytes"] += tensor["bytes"]
        part["types"] = sorted({*part["types"], tensor["type"]})
    return parts


def _part(name: str) -> str:
    side, _, rest = name.partition(".")
    if side == "output":
        return "output projection"
    if rest.startswith("layers."):
        return f"{side} {rest.split('.')[2].replace('_', ' ')}"
    return f"{side} {rest.split('.')[0].replace('_', ' ')}"


def _print(report: dict[str, Any], *, tensors: bool) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in _identity(report):
        console.print(printable(line))
    for title, text in (
        ("Configuration", _listed(report["config"])),
        ("Search", _listed(report["search"])),
        ("Files", ", ".join(f"{name} {_size(size)}" for name, size in report["files"].items())),
    ):
        console.print(f"\n{title}")
        console.print(printable(text), soft_wrap=False)
    console.print()
    console.print(_parts_table(report["parts"]))
    if tensors:
        console.print()
        console.print(_tensors_table(report["tensors"]))
    figures = sorted(_figures(report["quality"]), key=lambda row: len(row[0]))
    console.print("\nQuality (all of it: --json)" if report["quality"] else "\nQuality: not measured")
    for path, values in figures[:_FIGURES_SHOWN]:
        console.print(printable(f"{', '.join(path)}: {values}"))
    if len(figures) > _FIGURES_SHOWN:
        console.print(f"and {len(figures) - _FIGURES_SHOWN} more")


def _identity(report: dict[str, Any]) -> Iterator[str]:
    """What model it is, and in what it computes."""
    source, target = report["languages"]
    languages = source if report["kind"] == "language model" else f"{source} to {target}"
    kind = ", language model" if report["kind"] == "language model" else ""
    weights = "floating point" if report["scheme"] == "none" else report["scheme"]
    yield f"{report['name']}: {languages}{kind}, weights {weights}"
    yield report["path"]
    yield from _products_in_words(report["products"])
    if report["integer_scales"]:
        yield "integers only, from the embedding to the logits"
    if shortlist := report["shortlist"]:
        mean = shortlist["mean_per_token"]
        yield f"shortlist: {shortlist['common']:,} common tokens, {mean:.1f} others a source token"
    if alignment := report["alignment"]:
        heads = ", ".join(f"head {head} of layer {layer}" for layer, head in alignment["heads"])
        yield f"alignments: by {heads}"
    if languages := report["language_codes"]:
        yield from _languages_in_words(languages)


def _languages_in_words(languages: dict[str, Any]) -> Iterator[str]:
    """How many codes there are, which hold where none is stated, and all of them."""
    codes = languages["codes"]
    defaults = [f"{side} {code}" for side, code in languages["default"].items() if code]
    yield f"{len(codes)} language{'s' * (len(codes) != 1)}" + (
        f", by default {', '.join(defaults)}" if defaults else ""
    )
    yield from textwrap.wrap(", ".join(codes), _WIDTH, initial_indent="  ", subsequent_indent="  ")


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _figures(quality: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The scores that were measured, each with the names that lead to them."""
    if isinstance(quality, list):
        for entry in quality:
            if isinstance(entry, dict) and "set" in entry:
                yield from _figures(entry, (*path, str(entry["set"])))
    elif isinstance(quality, dict):
        scores = {name: quality[name] for name in _SCORES if isinstance(quality.get(name), int | float)}
        if scores:
            yield path, ", ".join(f"{_SCORES[name]} {value:.2f}" for name, value in scores.items())
        for name, value in quality.items():
            yield from _figures(value, (*path, name))


def _parts_table(parts: dict[str, dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("Part", "Type", box=None, pad_edge=False)
    table.add_column("Parameters", justify="right")
    table.add_column("Size", justify="right")
    for name, part in parts.items():
        table.add_row(name, "+".join(part["types"]), f"{part['parameters']:,}", _size(part["bytes"]))
    total_parameters = sum(part["parameters"] for part in parts.values())
    table.add_row("all", "", f"{total_parameters:,}", _size(sum(part["bytes"] for part in parts.values())))
    return table


def _tensors_table(tensors: Sequence[dict[str, Any]]) -> "Table":
    from rich.table import Table

    table = Table("Tensor", "Type", "Shape", box=None, pad_edge=False)
    table.add_column("Size", justify="right")
    for tensor in tensors:
        shape = " x ".join(map(str, tensor["shape"]))
        table.add_row(tensor["name"], tensor["type"], shape, _size(tensor["bytes"]))
    return table


def _size(size_bytes: int) -> str:
    if size_bytes >= 1_000_000:
        return f"{size_bytes / 1e6:,.2f} MB"
    return f"{size_bytes / 1e3:,.1f} kB" if size_bytes >= 1000 else f"{size_bytes} bytes"
