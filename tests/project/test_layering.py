"""Python imports point one way, and heavy libraries stay with the parts that need them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"

# Each part of the package and the parts it may import. `errors` and `interrupt` are free to all.
ALLOWED: dict[str, set[str]] = {
    "arguments": set(),
    "errors": set(),
    "regular_file": set(),
    "durable": set(),
    "interrupt": set(),
    "machine": set(),
    "race": set(),
    "runs": {"durable"},
    "model": set(),
    "scale_propagation": set(),
    "text": {"regular_file", "model"},
    "languages": {"model", "text"},
    "documents": {"regular_file", "text"},
    "terms": {"regular_file", "text"},
    "memory": {"regular_file", "durable", "text"},
    "artifact": {
        *("regular_file", "durable", "model", "text"),
        "languages",
    },
    "engine": {"arguments", "artifact", "languages", "model"},
    "translation": {
        *("arguments", "documents", "durable", "languages", "regular_file", "terms", "memory"),
        *("engine", "artifact", "text", "model"),
    },
    "catalog": {"artifact", "durable", "languages", "regular_file", "runs", "text", "model"},
    "server": {
        *("catalog", "translation", "engine", "documents", "terms", "memory", "text", "artifact"),
        *("arguments", "durable", "languages", "regular_file", "machine", "model", "octavo"),
    },
    "corpus": {
        *("catalog", "integrations", "translation", "engine", "languages", "terms", "text", "artifact"),
        *("arguments", "durable", "interrupt", "regular_file", "machine", "runs", "model", "octavo"),
    },
    "integrations": {*("catalog", "translation", "engine", "terms", "artifact", "model"), "octavo"},
    "generation": {"arguments", "engine", "artifact", "text", "model"},
    "reference": {"model"},
    "training": {
        *("interrupt", "regular_file", "reference", "text", "artifact"),
        *("durable", "model"),
    },
    "quantization": {"artifact", "model"},
    "integer": {
        *("quantization", "scale_propagation"),
        *("artifact", "model"),
    },
    "simulation": {
        *("integer", "quantization", "scale_propagation"),
        *("artifact", "model"),
    },
    "conversion": {
        "regular_file",
        "artifact",
        "durable",
        "languages",
        "model",
        "text",
    },
    "alignment": {*("artifact", "engine", "model", "runs", "text"), "octavo"},
    "calibration": {
        *("alignment",),
        *("integer", "quantization", "evaluation", "translation", "engine", "machine", "race", "runs"),
        *("artifact", "text", "durable", "languages", "model", "octavo"),
    },
    "shortlist": {
        *("calibration", "evaluation", "translation", "engine", "runs"),
        *("artifact", "text", "durable", "languages", "model", "octavo"),
    },
    "bench": {
        "calibration",
        "languages",
        "race",
        "runs",
        "quantization",
        "translation",
        "engine",
        "artifact",
        "model",
    },
    "evaluation": {"translation", "reference", "engine", "artifact", "text", "model"},
    "cli": {
        *(
            "octavo",
            "alignment",
            "catalog",
            "corpus",
            "server",
            "bench",
            "shortlist",
            "calibration",
            "conversion",
            "evaluation",
            "generation",
            "translation",
        ),
        *(
            "training",
            "quantization",
            "engine",
            "artifact",
            "text",
            "durable",
            "documents",
            "languages",
            "machine",
            "memory",
            "model",
            "runs",
            "terms",
        ),
    },
    "octavo": {"catalog", "generation", "translation"},
    "__main__": {"cli"},
}

# Libraries that only some parts may import.
QUARANTINED: dict[str, set[str]] = {
    "torch": {"reference", "training", "evaluation"},
    "tensorboard": {"training"},
    "sentencepiece": {"text", "training"},
    "markdown_it": {"documents"},
    "py3langid": {"text"},
    "rapidfuzz": {"memory"},
    "msgspec": {"server"},
    "prometheus_client": {"server"},
    "pyarrow": {"corpus", "integrations"},
    "ray": {"corpus", "integrations"},
    "ruamel": {"documents"},
    "safetensors": {"artifact", "training", "conversion"},
    "starlette": {"server"},
    "typer": {"cli"},
    "uvicorn": {"server"},
    "octavo.engine._native": {"engine"},
}

# The rooms of parts that have some, floor by floor: a room imports from those on floors before its own.
ROOMS: dict[str, list[set[str]]] = {
    "calibration": [
        {"errors"},
        {"text"},
        {"observe"},
        {"candidates"},
        {"measure"},
        {"choose"},
        {"report"},
        {"page", "integer"},
        {"quantize"},
    ],
}

MODULES = sorted((SOURCE / "octavo").rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted module name of a source file."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part of the package that a module of it belongs to; the package itself is "octavo"."""
    return module.split(".")[1] if "." in module else module


def room_of(name: str, part: str) -> str:
    """The room of a part that a module or member is in, or ""."""
    inside = name.removeprefix(f"octavo.{part}.")
    return inside.split(".")[0] if inside != name else ""


def imports(path: Path) -> Iterator[str]:
    """Every module or member that a file imports anywhere in it, as absolute dotted names."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def test_every_part_has_its_place() -> None:
    parts = {part_of(name_of(path)) for path in MODULES}
    assert parts <= set(ALLOWED), "a new part needs a line in ALLOWED and in docs/architecture.md"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(name_of(path))
    allowed = ALLOWED[part] | {part, "errors", "interrupt"}
    inside = {name for name in imports(path) if name.split(".")[0] == "octavo"}
    wrong = {name for name in inside if part_of(name) not in allowed}
    assert not wrong, f"{name_of(path)} ({part}) may import {sorted(allowed)}"


@pytest.mark.parametrize("part", ROOMS)
def test_rooms_import_downward(part: str) -> None:
    floors = {room: floor for floor, rooms in enumerate(ROOMS[part]) for room in rooms}
    for path in sorted((SOURCE / "octavo" / part).rglob("*.py")):
        room = room_of(name_of(path), part)
        for name in imports(path):
            other = room_of(name, part)
            if room and other and room != other:
                assert floors[other] < floors[room], f"{name_of(path)} imports {name} from above or beside it"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_libraries_stay_where_they_belong(path: Path) -> None:
    part = part_of(name_of(path))
    for name in imports(path):
        for library, parts in QUARANTINED.items():
            if f"{name}.".startswith(f"{library}."):
                assert part in parts, f"{name_of(path)} imports {name}, which belongs to {sorted(parts)}"


def test_no_part_imports_the_oracles() -> None:
    """What ships does not depend on what tests compare it with."""
    assert not [part for part, allowed in ALLOWED.items() if "simulation" in allowed]


@pytest.mark.parametrize("leaf", ["durable", "errors", "interrupt", "machine", "race"])
def test_leaves_need_the_standard_library_only(leaf: str) -> None:
    found = set(imports(SOURCE / "octavo" / f"{leaf}.py"))
    roots = {name.split(".")[0] for name in found if not name.startswith("octavo.errors.")}
    assert roots <= set(sys.stdlib_module_names)


def test_the_room_of_models_needs_the_standard_library_only() -> None:
    folder = SOURCE / "octavo" / "model"
    roots = {name.split(".")[0] for path in folder.glob("*.py") for name in imports(path)}
    assert roots <= set(sys.stdlib_module_names) | {"octavo"}


def test_scale_propagation_needs_nothing_but_numpy() -> None:
    folder = SOURCE / "octavo" / "scale_propagation"
    roots = {name.split(".")[0] for path in folder.glob("*.py") for name in imports(path)}
    assert roots <= set(sys.stdlib_module_names) | {"numpy", "octavo"}
