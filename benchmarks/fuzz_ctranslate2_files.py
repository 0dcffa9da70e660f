"""Damaged files of CTranslate2 and Argos Translate."""

from __future__ import annotations

import json
import random
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from benchmarks.damage import HOSTILE_NAMES, ODD_NUMBERS, ODD_VALUES, Format, archive_of
from benchmarks.fuzz_model_files import odd_json, pieces, tokens
from tests.conversion.ctranslate2_files import model_bytes

from octavo.conversion.families import argos, ctranslate2

_FIRST_WITH_ALIASES = 3


def ct2_variables() -> dict[str, np.ndarray]:
    """A Transformer of 1 + 1 layers, 4 wide, for 30 tokens, its matrices int8."""
    rng = np.random.default_rng(3)
    found: dict[str, np.ndarray] = {}

    def matrix(name: str, rows: int, columns: int = 4) -> None:
        found[f"{name}/weight"] = rng.integers(-127, 127, (rows, columns), np.int8)
        found[f"{name}/weight_scale"] = np.full(rows, 50, np.float32)

    for side, attentions in (("encoder", ("self_attention",)), ("decoder", ("self_attention", "attention"))):
        found |= {f"{side}/num_heads": np.int16(2), f"{side}/pre_norm": np.int8(1)}  # type: ignore[dict-item]
        norms = [f"{side}/layer_norm", f"{side}/layer_0/ffn/layer_norm"]
        for attention in attentions:
            scope = f"{side}/layer_0/{attention}"
            sizes = (12, 4) if attention == "self_attention" else (4, 8, 4)
            for i, rows in enumerate(sizes):
                matrix(f"{scope}/linear_{i}", rows)
            norms.append(f"{scope}/layer_norm")
        matrix(f"{side}/layer_0/ffn/linear_0", 8)
        matrix(f"{side}/layer_0/ffn/linear_1", 4, 8)
        for norm in norms:
            found |= {f"{norm}/gamma": np.ones(4, np.float32), f"{norm}/beta": np.zeros(4, np.float32)}
    matrix("decoder/embeddings", 30)
    return {name: np.asarray(array) for name, array in found.items()}


def ct2_bytes(rng: random.Random) -> bytes:
    """A model.bin of any version that is read."""
    return ct2_version(rng.choice((2, 3, 4, 5, 6, 6)))


def ct2_version(version: int) -> bytes:
    """A model.bin of a version."""
    variables = ct2_variables()
    whole = "decoder/embeddings/weight"
    pairs = dict.fromkeys(("encoder/embeddings_0/weight", "decoder/projection/weight"), whole)
    if version < _FIRST_WITH_ALIASES:
        variables |= {
            f"{alias}{end}": variables[f"{whole}{end}"] for alias in pairs for end in ("", "_scale")
        }
    return model_bytes(variables, pairs, version=version)


def odd_ct2(rng: random.Random) -> bytes:
    """A model.bin with an absurd number in place of a count, length, shape, type or scalar."""
    data = bytearray(ct2_bytes(rng))
    name = rng.choice(sorted(ct2_variables())).encode()
    at = data.index(name) + len(name) + 1 if rng.random() < 0.8 else rng.choice((0, 4, 22, 26))
    at += rng.randrange(20)
    width = rng.choice((1, 2, 4))
    data[at : at + width] = struct.pack("<Q", rng.choice(ODD_NUMBERS))[:width]
    return bytes(data)


def ct2_folder(path: Path) -> Path:
    """A folder with everything that a model.bin needs beside it."""
    folder = path.parent / "ct2"
    if not folder.exists():
        folder.mkdir()
        (folder / "shared_vocabulary.json").write_text(json.dumps(tokens()))
        (folder / "sentencepiece.model").write_bytes(pieces())
    (folder / "config.json").write_bytes(ct2_config(random.Random(0)))
    (folder / "model.bin").write_bytes(ct2_version(6))
    (folder / "vmap.txt").unlink(missing_ok=True)
    return folder


def ct2_config(_: random.Random) -> bytes:
    """A config.json."""
    values = {"add_source_bos": False, "add_source_eos": True, "decoder_start_token": "<s>"}
    names = {"layer_norm_epsilon": 1e-5, "eos_token": "</s>", "unk_token": "<unk>"}
    return json.dumps(values | names).encode()


def use_ct2(path: Path) -> None:
    """The family, with the file as model.bin."""
    folder = ct2_folder(path)
    (folder / "model.bin").write_bytes(path.read_bytes())
    make_all(ctranslate2.read(folder).tensors)


def use_ct2_config(path: Path) -> None:
    """The family, with the file as config.json."""
    folder = ct2_folder(path)
    (folder / "config.json").write_bytes(path.read_bytes())
    ctranslate2.read(folder)


def use_vmap(path: Path) -> None:
    """The family, with the file as vmap.txt."""
    folder = ct2_folder(path)
    (folder / "vmap.txt").write_bytes(path.read_bytes())
    ctranslate2.read(folder)


def odd_vmap(rng: random.Random) -> bytes:
    """Lines of tokens, tabs, blanks and what is neither."""
    parts = [*tokens()[:8], "\t", " ", "\n", "\r", "\0", "\ud7ff", "\t\t", "x" * 500]
    return "".join(rng.choice(parts) for _ in range(rng.randrange(60))).encode()


def make_all(tensors: Mapping[str, np.ndarray]) -> None:
    """Each tensor, once."""
    for name in tensors:
        assert isinstance(tensors[name], np.ndarray)


def package(
    rng: random.Random, metadata: bytes = b'{"from_code": "en", "to_code": "de"}'
) -> dict[str, bytes]:
    """The members of a package."""
    return {
        "en_de/metadata.json": metadata,
        "en_de/sentencepiece.model": pieces(),
        "en_de/model/model.bin": ct2_bytes(rng),
        "en_de/model/config.json": ct2_config(rng),
        "en_de/model/shared_vocabulary.json": json.dumps(tokens()).encode(),
    }


def argos_bytes(rng: random.Random) -> bytes:
    """A package."""
    return archive_of(list(package(rng).items()), rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def odd_argos(rng: random.Random) -> bytes:
    """A package with hostile names, members that come twice or are bombs, or odd metadata."""
    metadata = json.dumps({rng.choice(("from_code", "type", "target_prefix")): rng.choice(ODD_VALUES)})
    members = list(package(rng, metadata.encode()).items())
    kind = rng.randrange(5)
    if kind == 0:
        members += [(name, b"evil") for name in rng.sample(HOSTILE_NAMES[:6], 3) if name]
    elif kind == 1:
        members.append(rng.choice(members))
    elif kind == 2:
        members.append(("en_de/model/vmap.txt", bytes(rng.choice((10, 3 << 20)))))
    elif kind == 3:
        del members[rng.randrange(len(members))]
    return archive_of(members, zipfile.ZIP_DEFLATED)


def use_argos(path: Path) -> None:
    """The family; nothing may be written beside the package."""
    if argos.detect(path):
        make_all(argos.read(path).tensors)
        assert sorted(entry.name for entry in path.parent.iterdir()) == [path.name]


FORMATS = {
    "model.bin": Format(ct2_bytes, odd_ct2, use_ct2),
    "ct2-config": Format(ct2_config, lambda rng: odd_json(rng, ct2_config(rng)), use_ct2_config),
    "vmap": Format(
        lambda _: f"\t{tokens()[5]} {tokens()[6]}\n{tokens()[7]}\t{tokens()[8]}\n".encode(),
        odd_vmap,
        use_vmap,
    ),
    "argosmodel": Format(argos_bytes, odd_argos, use_argos),
}
