"""Directories of CTranslate2 that no model of ours can be are refused, with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from octavo.conversion import ConversionError, convert

from .ctranslate2_files import Bfloat16
from .ctranslate2_models import exported, rewrite, set_number
from .marian import edit_json

REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "null start": (lambda path: edit_start(path, None), "decoder_start_token is null: .*mBART-25"),
    "no vocabulary": (
        lambda path: (path / "shared_vocabulary.json").unlink(),
        "shared_vocabulary.json: missing",
    ),
    "no pieces": (
        lambda path: [(path / f"{n}.spm").unlink() for n in ("source", "target")],
        "sentencepiece.model",
    ),
    "features": (set_number("encoder/embeddings_1/weight", np.float32(1)), "features"),
    "heads": (set_number("decoder/num_heads", np.int16(1)), "num_heads is . in the encoder and 1"),
    "activation": (lambda path: set_both(path, "activation", np.int8(4)), "GELU by a sigmoid"),
    "scale": (lambda path: set_both(path, "scale_embeddings", np.float32(3)), "scale_embeddings is 3"),
    "alibi": (set_number("decoder/alibi", np.int8(1)), "linear biases"),
    "Shaw": (
        set_number("encoder/layer_0/self_attention/relative_position_keys", np.float32(1)),
        "relative_position_keys is unexpected",
    ),
    "whisper": (
        lambda path: rewrite(path, lambda _: None, specification="WhisperSpec"),
        "holds a WhisperSpec",
    ),
    "4 bits": (lambda path: edit_json(path / "config.json", quantization_type=1), "quantization_type"),
    "BOS": (lambda path: edit_json(path / "config.json", add_source_bos=True), "add_source_bos = true"),
    "EOS": (lambda path: edit_json(path / "config.json", eos_token="none"), "has no token 'none'"),
    "epsilon": (lambda path: edit_json(path / "config.json", layer_norm_epsilon=2.5), "layer_norm_epsilon"),
    "JSON": (lambda path: (path / "shared_vocabulary.json").write_text("{}"), "must hold a list of tokens"),
    "more tokens": (lambda path: add_tokens(path, 3), "tokens, the model"),
    "layer": (lambda path: lose(path, "decoder/layer_1/ffn/linear_1/weight"), "linear_1/weight is missing"),
    "keys": (
        lambda path: lose_rows(path, "encoder/layer_0/self_attention/linear_0/weight"),
        "keys and values",
    ),
    "rows": (
        lambda path: lose_rows(path, "decoder/layer_1/attention/linear_1/weight"),
        "has 31 rows, not 2 x 16",
    ),
    "vmap": (lambda path: (path / "vmap.txt").write_text("no tab\n"), "vmap.txt: line 1 has no tab"),
}


def edit_start(path: Path, value: str | None) -> None:
    values = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(values | {"decoder_start_token": value}))


def set_both(path: Path, name: str, value: np.generic) -> None:
    rewrite(
        path,
        lambda found: found.update({f"{side}/{name}": np.asarray(value) for side in ("encoder", "decoder")}),
    )


def add_tokens(path: Path, count: int) -> None:
    file = path / "shared_vocabulary.json"
    tokens = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps([*tokens, *(f"more{i}" for i in range(count))]))


def lose(path: Path, name: str) -> None:
    def change(found: dict[str, np.ndarray | Bfloat16]) -> None:
        del found[name]

    rewrite(path, change)


def lose_rows(path: Path, name: str) -> None:
    def change(found: dict[str, np.ndarray | Bfloat16]) -> None:
        array = found[name]
        assert isinstance(array, np.ndarray)
        found[name] = array[:-1]

    rewrite(path, change)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_our_models_cannot_be_is_refused(tmp_path: Path, kind: str) -> None:
    exported(tmp_path)
    damage, message = REFUSED[kind]
    damage(tmp_path / "theirs")
    with pytest.raises(ConversionError, match=message) as caught:
        convert(tmp_path / "theirs", tmp_path / "again")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "again").exists()
