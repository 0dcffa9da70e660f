"""The tables of docs/model-format.md that follow from ``octavo.model``: the keys of a configuration, and what
the sublayers of a model consist of.

    python tools/model_tables.py          prints them
    python tools/model_tables.py --write  puts them into the document, between their marks
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

from marked_tables import Tables, print_or_write

from octavo.model.architecture import architecture
from octavo.model.config import DEFAULTS, Mixer, ModelConfig, Unwritten
from octavo.model.fields import Between, marks_of, types_of
from octavo.model.sublayers import Sublayer, WeightProduct

ROOT = Path(__file__).resolve().parents[1]

SIGNS = {Unwritten.INTEGER_TRANSFORMER: " \\*", Unwritten.AT_DEFAULT: " †"}

SIZES = {"d_model": 1000, "ffn_dim": 3000, "heads · head_dim": 2000}
EXAMPLE = ModelConfig(
    d_model=1000,
    ffn_dim=3000,
    encoder_layers=1,
    decoder_layers=1,
    attention_heads=4,
    attention_head_dim=500,
    source_vocab_size=8,
    target_vocab_size=8,
    max_positions=8,
)


def keys() -> Iterator[str]:
    """Each key of a configuration: its values, its default, and what it says."""
    limits, texts, unwritten = (marks_of(ModelConfig, kind) for kind in (Between, str, Unwritten))
    yield "| key | value | default | what it says |"
    yield "| --- | --- | --- | --- |"
    for key, kind in types_of(ModelConfig).items():
        sign = {None: "", Unwritten.INTEGER_TRANSFORMER: " \\*", Unwritten.AT_DEFAULT: " †"}[
            unwritten.get(key)
        ]
        default = f"`{plain(DEFAULTS[key])}`" if key in DEFAULTS else ""
        yield f"| `{key}`{sign} | {values(kind, limits.get(key))} | {default} | {texts[key]} |"


def values(kind: Any, limits: Between | None) -> str:
    """What a key may be, in words."""
    if limits:
        return f"{limits.least} to {limits.most}"
    if isinstance(kind, type) and issubclass(kind, enum.StrEnum):
        return ", ".join(f"`{member}`" for member in kind)
    if get_origin(kind) is tuple:
        return "a list of tokens"
    return {bool: "`true`, `false`", int: "a token", float: "a number"}[kind]


def plain(value: Any) -> str:
    """A default as JSON has it."""
    if isinstance(value, tuple):
        return str(list(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def sublayers() -> Iterator[str]:
    """The products of each kind of sublayer X: what they read, what becomes of them, and their weights."""
    yield "| sublayer | product | reads | its result | weight |"
    yield "| --- | --- | --- | --- | --- |"
    for sublayer in described():
        for product in sublayer.products:
            reads = ", ".join(f"`{within(sublayer, site)}`" for site in product.sites)
            becomes = f"`{within(sublayer, product.makes)}`" if product.makes else ""
            weight = ""
            if isinstance(product, WeightProduct):
                rows, columns = (size_name(size) for size in product.weight.shape)
                weight = f"[{rows}, {columns}]" + ("" if product.bias else ", no bias")
            name = within(sublayer, product.name)
            yield f"| `{sublayer.kind}` | `{name}` | {reads} | {becomes} | {weight} |"


def described() -> list[Sublayer]:
    """One sublayer of every kind, with every product that it may have."""
    found: dict[str, Sublayer] = {}
    for config in (EXAMPLE, dataclasses.replace(EXAMPLE, decoder_mixer=Mixer.SSRU, gated=True)):
        found |= {sublayer.kind: sublayer for sublayer in architecture(config).sublayers}
    return list(found.values())


def within(sublayer: Sublayer, name: str) -> str:
    """A name with X for the sublayer's own."""
    return re.sub(rf"^{re.escape(sublayer.name)}\b", "X", name)


def size_name(size: int) -> str:
    """The key that a size of the example is."""
    return next(name for name, found in SIZES.items() if found == size)


TABLES: Tables = {"keys": keys, "sublayers": sublayers}
DOCUMENTS = {ROOT / "docs" / "model-format.md": TABLES}

if __name__ == "__main__":
    print_or_write(DOCUMENTS, Path(__file__).name, (__doc__ or "").split("\n\n")[0])
