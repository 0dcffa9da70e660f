"""tokenizer.json becomes the sentencepiece vocabulary that it was made of."""

from __future__ import annotations

import json
import random
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from octavo.conversion import ConversionError
from octavo.conversion.piece_table import Algorithm
from octavo.conversion.tokenizer_json import read_tokenizer
from octavo.text import Tokenizer
from octavo.text.clean import one_line

from ..models import synthetic_sentences
from .mixed_text import mixed_lines
from .multilingual import pieces

PIECES = "sentencepiece.bpe.model"


def fast_tokenizer(directory: Path, kind: str) -> Any:
    """Transformers' tokenizer of a sentencepiece file, and its tokenizer.json in ``directory``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers = pytest.importorskip("transformers")
        (directory / PIECES).write_bytes(pieces(kind))
        kinds = {"bpe": transformers.NllbTokenizer, "unigram": transformers.MBart50Tokenizer}
        peer = kinds[kind].from_pretrained(directory)
        peer.save_pretrained(directory)
    return peer


def ours(directory: Path) -> Tokenizer:
    found = read_tokenizer(directory / "tokenizer.json")
    (directory / "ours.spm").write_bytes(found.table(len(found.ids)).to_bytes())
    return Tokenizer(directory / "ours.spm")


@pytest.mark.filterwarnings("ignore")  # Transformers' own
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_it_is_the_sentencepiece_vocabulary(kind: str, tmp_path: Path) -> None:
    peer, processor = fast_tokenizer(tmp_path, kind), sentencepiece.SentencePieceProcessor()
    processor.load_from_serialized_proto(pieces(kind))
    tokenizer = ours(tmp_path)
    assert tokenizer.size == len(peer)
    lines = [one_line(line) for line in mixed_lines(1000) + synthetic_sentences(200)]
    for line in lines:
        ids = tokenizer.encode(line)
        expected = [3 if token == processor.unk_id() else token + 1 for token in processor.encode(line)]
        assert ids == expected, line
        assert (
            tokenizer.decode(ids)
            == one_line(processor.decode(processor.encode(line))).replace(" ⁇ ", "").strip()
        )
        # Tokenizers keeps a space at the end, and normalizes letters with several marks as one.
        fast = peer(line, add_special_tokens=False).input_ids
        space = peer.convert_tokens_to_ids("▁")
        marks = re.search("[\u0300-\u036f]{2}", line)
        assert marks or ids == fast or [*ids, space] == fast, line


def handmade(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "added_tokens": [{"id": 0, "content": "<unk>", "special": True}, {"id": 5, "content": "<x>"}],
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        "model": {
            "type": "BPE",
            "unk_token": "<unk>",
            "vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "▁a": 4},
            "merges": ["▁ a"],
        },
    }
    for key, value in changes.items():
        place, _, inner = key.partition("__")
        if inner:
            values[place] = values[place] | {inner: value}
        else:
            values[place] = value
    return values


def write(directory: Path, values: Any) -> Path:
    path = directory / "tokenizer.json"
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return path


def test_a_file_in_the_old_style(tmp_path: Path) -> None:
    """Merges as text, and add_prefix_space."""
    found = read_tokenizer(write(tmp_path, handmade()))
    assert found.pieces.algorithm is Algorithm.BPE
    assert (found.unknown, found.ids["<x>"], found.added[1].text) == (0, 5, "<x>")
    (tmp_path / "x.spm").write_bytes(found.table(8).to_bytes())
    tokenizer = Tokenizer(tmp_path / "x.spm", 8)
    assert tokenizer.encode("ab a") == [4, 3, 4]
    with pytest.raises(ConversionError, match=r"has 6 tokens, but the model has 5"):
        found.table(5)
    with pytest.raises(ConversionError, match=r"states 1048577 tokens .* at most 1048576"):
        found.table(2**20 + 1)


def test_many_steps(tmp_path: Path) -> None:
    """Of a number that only a reader of quadratic time does not end with; the order stays."""
    space = handmade()["pre_tokenizer"]
    inner = {"type": "Sequence", "pretokenizers": [space, space | {"add_prefix_space": False}]}
    steps = {"type": "Sequence", "pretokenizers": [*[None] * 400_000, inner, space, inner]}
    written = read_tokenizer(write(tmp_path, handmade(pre_tokenizer=steps))).pieces.to_bytes()
    last = handmade(pre_tokenizer=space | {"add_prefix_space": False})
    assert written == read_tokenizer(write(tmp_path, last)).pieces.to_bytes()


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "bytes": ({"pre_tokenizer": {"type": "ByteLevel"}}, "its pre_tokenizer is 'ByteLevel', which"),
    "none": ({"pre_tokenizer": None}, "it has no pre_tokenizer Metaspace"),
    "normalizer": ({"normalizer": {"type": "NFKC"}}, "its normalizer is 'NFKC', which sentencepiece has not"),
    "map": ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "?"}}, "is not in base64"),
    "model": ({"model__type": "WordPiece"}, "its model is 'WordPiece'; Unigram and BPE are read"),
    "unknown": ({"model__unk_token": None}, "unk_token = 'None': expected a token's name"),
    "unigram": ({"model": {"type": "Unigram", "vocab": [["a", "b"]]}}, "entry 0 of model.vocab is no piece"),
    "no unknown": ({"model": {"type": "Unigram", "vocab": [["a", -1]]}}, "unk_id = None: expected"),
    "ids": ({"model__vocab": {"a": 0, "<unk>": 0}}, "tokens 'a' and '<unk>' share the id 0"),
    "long": (
        {"model__vocab": {"<unk>": 0, "a" * 300: 1, "a" * 600: 2}, "model__merges": [["a" * 300, "a" * 300]]},
        "600 characters; 512 are read",
    ),
    "merge": ({"model__merges": ["a c"]}, "merges 'a' and 'c', but not all are tokens"),
    "pair": ({"model__merges": ["a"]}, "merge 0 is no pair"),
    "split": (
        {"model__vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "bc": 6, "abc": 7},
         "model__merges": ["a b", "b c", "ab c"]},
        "do not make 'abc' of 'a' and 'bc'",
    ),
    "added": ({"added_tokens": [{"id": 7}]}, "an added token has no text or no id"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), FAULTS.values(), ids=FAULTS)
def test_what_sentencepiece_does_not_do_is_refused(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConversionError, match=message) as caught:
        read_tokenizer(write(tmp_path, handmade(**changes)))
    assert str(tmp_path / "tokenizer.json") in str(caught.value)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with every key in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


VALUES: list[Callable[[], Any]] = [
    *(lambda: None, lambda: -1, lambda: 1.5, lambda: True, lambda: 2**70, lambda: "", lambda: "\n"),
    *(
        list,
        dict,
        lambda: [[1]],
        lambda: [None],
        lambda: float("nan"),
        lambda: "▁ a b",
        lambda: {"type": "Sequence"},
    ),
]


def test_no_value_is_trusted(tmp_path: Path) -> None:
    """Whatever stands anywhere, the file is read or refused in one line."""
    rng = random.Random(0)
    files = [
        handmade(),
        handmade(model={"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁a", -1.5]]}),
    ]
    for _ in range(600):
        values = json.loads(json.dumps(rng.choice(files)))
        for _ in range(rng.randrange(1, 3)):
            container, key = rng.choice(places(values))
            container[key] = rng.choice(VALUES)()
        try:
            found = read_tokenizer(write(tmp_path, values))
        except ConversionError as error:
            assert "\n" not in str(error)
        else:
            found.table(len(found.pieces.pieces)).to_bytes()
