"""Damaged files of PyTorch, safetensors, sentencepiece and Tokenizers."""

from __future__ import annotations

import functools
import io
import json
import random
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from benchmarks import torch_files as torch
from benchmarks.damage import HOSTILE_NAMES, ODD_NUMBERS, ODD_VALUES, Format
from safetensors.numpy import save

from octavo.conversion.piece_table import PieceTable
from octavo.conversion.tensor_source import TensorSource
from octavo.conversion.tensor_sources import open_weights
from octavo.conversion.tensor_sources.safetensors_file import SafetensorsFile
from octavo.conversion.tensor_sources.torch_file import TorchFile, checkpoint_keys
from octavo.conversion.tokenizer_json import read_tokenizer
from octavo.text.tokenizer import Tokenizer

VALUES = np.random.default_rng(2).normal(size=(6, 4)).astype(np.float32)
TENSORS = {"a": VALUES, "b.c": VALUES[0].astype(np.float16), "n": np.arange(3)}
EXECUTED = Path(tempfile.gettempdir()) / "octavo-fuzz-executed"
"""What hostile pickles try to make."""


@functools.cache
def pieces() -> bytes:
    """A sentencepiece model of 27 pieces."""
    out = io.BytesIO()
    lines = ["a man rides a red bike", "two dogs play in the snow", "the sun is hot"] * 20
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=out, vocab_size=27, num_threads=1, minloglevel=2
    )
    return out.getvalue()


@functools.cache
def tokens() -> list[str]:
    """The pieces, and as many more as the models here have tokens."""
    found = sentencepiece.SentencePieceProcessor(model_proto=pieces())
    names = [found.id_to_piece(i) for i in range(found.vocab_size())]
    return [*names, *(f"more{i}" for i in range(30 - len(names)))]


def odd_json(rng: random.Random, data: bytes) -> bytes:
    """The object with an odd value."""
    values = json.loads(data)
    values[rng.choice(sorted(values))] = rng.choice(ODD_VALUES)
    return json.dumps(values).encode()


def storages() -> dict[str, bytes]:
    """The bytes of the tensors by storage."""
    return {str(i): array.tobytes() for i, array in enumerate(TENSORS.values())}


def torch_content() -> bytes:
    """The pickle of the tensors."""
    values = {name: torch.whole_tensor(str(i), array) for i, (name, array) in enumerate(TENSORS.items())}
    return torch.pickled(torch.dict_of(values))


def odd_content(rng: random.Random) -> bytes:
    """A pickle that names code, or a tensor that is absurd, or nests without end."""
    names = (
        *("posix\nsystem", "builtins\neval", "os\nsystem", "builtins\nexec", "subprocess\nPopen"),
        *("torch\nload", "builtins\ngetattr", "fairseq.x\nY", "numpy.core\nload", "__builtin__\n__import__"),
    )
    code = f"c{rng.choice(names)}\n".encode() + torch.row(torch.text(f"touch {EXECUTED}")) + b"R"
    odd = rng.choice(ODD_NUMBERS) * rng.choice((1, 1, -1))
    shape = rng.choice([(6, 4), (odd,), (odd, odd), (), (0, odd)])
    stride = rng.choice([(4, 1), (odd,), (odd, odd), (), (1, 0)])
    values = {
        "a": torch.tensor(
            "0", rng.choice(list(torch.STORAGES.values())), rng.choice((24, odd)), 0, shape, stride
        )
    }
    kind = rng.randrange(5)
    if kind == 0:
        values["code"] = code
    elif kind == 1:
        values["model"] = torch.dict_of(values)
        values["state"] = code + b"}b"
    elif kind == 2:
        return torch.pickled(b"(" * 20_000 + b"t" * 20_000)
    elif kind == 3:
        return torch.pickled(b"}r" + struct.pack("<I", odd & 0xFFFFFFFF))
    return torch.pickled(torch.dict_of(values))


def odd_zip(rng: random.Random) -> bytes:
    """An archive of PyTorch around an odd pickle, or with storages that are compressed or cut."""
    content = odd_content(rng) if rng.random() < 0.7 else torch_content()
    held = {key: data[: rng.choice((len(data), 3))] for key, data in storages().items()}
    return torch.zip_bytes(content, held, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def use_torch(path: Path) -> None:
    """Plain weights, and a checkpoint of a training program; nothing is executed."""
    EXECUTED.unlink(missing_ok=True)
    checkpoint_keys(path)
    try:
        read_all(TorchFile(path))
    finally:
        assert not EXECUTED.exists(), "a pickle was executed"


def use_checkpoint(path: Path) -> None:
    """A checkpoint whose weights are under ``model``."""
    EXECUTED.unlink(missing_ok=True)
    try:
        read_all(TorchFile(path, lambda content: content["model"]))
    finally:
        assert not EXECUTED.exists(), "a pickle was executed"


def checkpoint_content() -> bytes:
    """The pickle of a checkpoint: weights, options, and an object of a training program."""
    content = torch_content()[2:-1]
    options = b"cargparse\nNamespace\n)R" + torch.dict_of({"arch": torch.text("transformer")}) + b"b"
    program = b"cfairseq.tasks\nTask\n)R" + torch.dict_of({"x": torch.number(3)}) + b"b"
    return torch.pickled(torch.dict_of({"model": content, "args": options, "task": program}))


def read_all(source: TensorSource) -> None:
    """Each tensor: floats are read, others refused."""
    for name in source.names():
        if name != "n":
            source.read(name)


def odd_safetensors(rng: random.Random) -> bytes:
    """A file whose head says something absurd."""
    odd = rng.choice(ODD_NUMBERS)
    entry = {
        "dtype": rng.choice(("F32", "F16", "BF16", "I64", "F8_E4M3", "X", None, 7)),
        "shape": rng.choice(([6, 4], [odd], [odd, odd], [-1], "x", [[6], 4], [])),
        "data_offsets": rng.choice(([0, 96], [odd, odd], [96, 0], [0], None, [0, odd])),
    }
    head = json.dumps(
        {rng.choice(("a", "", "__metadata__")): rng.choice((entry, entry, entry, [], 3))}
    ).encode()
    length = rng.choice((len(head), len(head), len(head), odd & (2**64 - 1)))
    return struct.pack("<Q", length) + head + VALUES.tobytes()


def index_bytes(_: random.Random) -> bytes:
    """The index of a model in two files."""
    places = {name: f"model-{i}.safetensors" for i, name in enumerate(TENSORS)}
    return json.dumps({"metadata": {"total_size": 3}, "weight_map": places}).encode()


def odd_index(rng: random.Random) -> bytes:
    """An index whose places are hostile names or no names."""
    places = {name: rng.choice((*HOSTILE_NAMES, *ODD_VALUES, "model-0.safetensors")) for name in TENSORS}
    return json.dumps({"weight_map": rng.choice((places, places, places, [], None, "x"))}).encode()


def use_index(path: Path) -> None:
    """The files that it names, beside it."""
    folder = path.parent / "shards"
    folder.mkdir(exist_ok=True)
    for i, (name, array) in enumerate(TENSORS.items()):
        (folder / f"model-{i}.safetensors").write_bytes(save({name: array}))
    (folder / "model.safetensors.index.json").write_bytes(path.read_bytes())
    read_all(open_weights(folder))


def odd_pieces(rng: random.Random) -> bytes:
    """A protocol buffer of absurd fields, or a model with one of them behind it."""
    fields = []
    for _ in range(rng.randrange(1, 8)):
        value = rng.choice(ODD_NUMBERS)
        varint = bytes([value & 0x7F | 0x80] * rng.randrange(0, 12)) + bytes([value & 0x7F])
        fields.append(bytes([rng.randrange(256)]) + varint + rng.randbytes(rng.randrange(9)))
    return (pieces() if rng.random() < 0.5 else b"") + b"".join(fields)


def use_pieces(path: Path) -> None:
    """Read, write again, and cut text."""
    path.write_bytes(PieceTable.read(path).to_bytes())
    tokenizer = Tokenizer(path)
    if tokenizer.size:
        tokenizer.decode(tokenizer.encode("a red man \u4e2d \u00e9")[:5])


def tokenizer_values(_: random.Random) -> dict[str, Any]:
    """What a tokenizer.json holds."""
    return {
        "added_tokens": [{"id": 1, "content": "<s>", "special": True}],
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [[name, -1.0] for name in tokens()]},
    }


def odd_tokenizer(rng: random.Random) -> bytes:
    """A tokenizer.json with an odd value somewhere, or as BPE with odd merges."""
    values = tokenizer_values(rng)
    if rng.random() < 0.4:
        merges = [rng.choice(("a b", ["a", "b"], "a", 7, "x " * 99, [])) for _ in range(rng.randrange(5))]
        names = {name: rng.choice((i, i, i, -1, 2**40)) for i, name in enumerate(tokens())}
        values["model"] = {"type": rng.choice(("BPE", None)), "vocab": names, "merges": merges}
    place = values
    while rng.random() < 0.7 and any(isinstance(value, dict) for value in place.values()):
        place = rng.choice([value for value in place.values() if isinstance(value, dict)])
    if place:
        place[rng.choice(sorted(place))] = rng.choice(ODD_VALUES)
    return json.dumps(values).encode()


def read_json(path: Path) -> None:
    """The pieces that a tokenizer.json stands for, written and used."""
    found = read_tokenizer(path)
    path.write_bytes(found.pieces.to_bytes())
    Tokenizer(path).encode("a red man")


FORMATS = {
    "safetensors": Format(
        lambda _: save(TENSORS), odd_safetensors, lambda path: read_all(SafetensorsFile(path))
    ),
    "torch": Format(lambda _: torch.zip_bytes(torch_content(), storages()), odd_zip, use_torch),
    "torch-old": Format(
        lambda _: torch.legacy_bytes(torch_content(), storages()),
        lambda rng: torch.legacy_bytes(odd_content(rng), storages()),
        use_torch,
    ),
    "checkpoint": Format(
        lambda _: torch.zip_bytes(checkpoint_content(), storages()), odd_zip, use_checkpoint
    ),
    "index": Format(index_bytes, odd_index, use_index),
    "spm": Format(lambda _: pieces(), odd_pieces, use_pieces),
    "tokenizer.json": Format(
        lambda rng: json.dumps(tokenizer_values(rng)).encode(), odd_tokenizer, lambda path: read_json(path)
    ),
}
