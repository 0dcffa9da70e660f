"""Tokens that were added to a tokenizer split a text, and their parts are encoded by themselves."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert, export
from octavo.errors import ModelError
from octavo.text.clean import one_line

from .marian import edit_json, marian_config, write_marian
from .mixed_text import mixed_lines

ADDED = ("<2formal>", "@@num@@", "<2", "Привет", "▁a", "<3formal> two")
SIZE = 180


def with_added_tokens(directory: Path, **properties: Any) -> Path:
    """Make a Marian directory one of a model with ADDED, of which the first is a special token."""
    tokens = {
        SIZE + i: {"content": text, "special": i == 0, "single_word": False, **properties}
        for i, text in enumerate(ADDED)
    }
    edit_json(
        directory / "tokenizer_config.json",
        added_tokens_decoder={str(token): value for token, value in tokens.items()},
        additional_special_tokens=[ADDED[0]],
    )
    (directory / "added_tokens.json").write_text(
        json.dumps({value["content"]: token for token, value in tokens.items()}, ensure_ascii=False)
    )
    for name in ("vocab_size", "decoder_vocab_size"):
        edit_json(directory / "config.json", **{name: SIZE + len(ADDED)})
    weights = load_file(directory / "model.safetensors")
    rows = np.random.default_rng(0).standard_normal((len(ADDED), 16)).astype(np.float32)
    weights["model.shared.weight"] = np.concatenate([weights["model.shared.weight"], rows])
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    return with_added_tokens(write_marian(tmp_path / "theirs", marian_config()).path)


@pytest.mark.filterwarnings("ignore")  # Transformers' own
def test_ids_are_marian_tokenizers(theirs: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        peer = transformers.MarianTokenizer.from_pretrained(theirs)
    convert(theirs, tmp_path / "ours")
    ours, _ = ModelDirectory.open(tmp_path / "ours").tokenizers()
    lines = [one_line(line) for line in mixed_lines(1000, inside=[*ADDED, "<2formal", "formal>"])]
    assert [ours.encode(line) for line in lines] == [
        peer(line, add_special_tokens=False).input_ids for line in lines
    ]
    used = {token for line in lines for token in ours.encode(line)}
    assert used >= set(range(SIZE, SIZE + len(ADDED)))


def test_spans_go_with_the_ids(theirs: Path, tmp_path: Path) -> None:
    convert(theirs, tmp_path / "ours")
    ours, _ = ModelDirectory.open(tmp_path / "ours").tokenizers()
    for line in mixed_lines(200, inside=ADDED):
        ids, spans = ours.encode_with_spans(line)
        assert ids == ours.encode(line)
        for token, (start, end) in zip(ids, spans, strict=True):
            if token >= SIZE:
                assert line[start:end] == ADDED[token - SIZE]


def test_special_ones_decode_to_nothing(theirs: Path, tmp_path: Path) -> None:
    convert(theirs, tmp_path / "ours")
    _, target = ModelDirectory.open(tmp_path / "ours").tokenizers()
    assert target.decode([SIZE]) == ""
    assert target.decode([SIZE + 1]) == "@@num@@"


def test_a_converted_model_keeps_them(theirs: Path, tmp_path: Path) -> None:
    convert(theirs, tmp_path / "ours")
    export(tmp_path / "ours", tmp_path / "again")
    convert(tmp_path / "again", tmp_path / "ours again")
    first, second = (ModelDirectory.open(tmp_path / name) for name in ("ours", "ours again"))
    assert first.added.ids == second.added.ids == {text: SIZE + i for i, text in enumerate(ADDED)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"single_word": True}, "'<2formal>' has single_word = true, which Octavo does not do"),
        ({"content": ""}, "tokenizer_config.json: an added token has no text"),
        ({"content": "</s>"}, None),
        ({"content": "\n"}, r"added: '\\n': must be 1 to 200 printable"),
        ({"rstrip": True}, None),
    ],
)
def test_what_would_give_other_ids_is_refused(
    change: dict[str, Any], message: str | None, theirs: Path, tmp_path: Path
) -> None:
    token = {"content": "<2formal>"} | change
    edit_json(theirs / "tokenizer_config.json", added_tokens_decoder={str(SIZE): token})
    (theirs / "added_tokens.json").unlink()
    if message is None:
        convert(theirs, tmp_path / "ours")
    else:
        with pytest.raises(ConversionError, match=message):
            convert(theirs, tmp_path / "ours")


@pytest.mark.parametrize(
    "added", [{"x": -1}, {"x": 10**6}, {"x": True}, {"": 3}, {" x": 3}, ["x"], {"x\n": 3}]
)
def test_config_json_is_checked(added: Any, theirs: Path, tmp_path: Path) -> None:
    convert(theirs, tmp_path / "ours")
    path = tmp_path / "ours" / "config.json"
    values = json.loads(path.read_text())
    values["tokenizer"]["added"] = added
    path.write_text(json.dumps(values))
    with pytest.raises(ModelError, match="added"):
        ModelDirectory.open(tmp_path / "ours")
