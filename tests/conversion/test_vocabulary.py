"""Converted vocabularies give Marian's token ids: cut by sentencepiece, then looked up by name."""

from __future__ import annotations

import io
import json
import random
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import sentencepiece

from octavo.conversion import ConversionError
from octavo.conversion.piece_table import Kind, PieceTable
from octavo.conversion.vocabulary import Vocabulary
from octavo.text import Tokenizer

from ..models import synthetic_sentences
from .marian import CODES, SOURCE_PIECES, TARGET_PIECES, marian_ids, piece_names, sentencepiece_model

SPECIAL = {"unknown": "<unk>", "eos": "</s>", "pad": "<pad>"}


def marian_lookup(model: bytes, ids: Mapping[str, int]) -> Callable[[str], list[int]]:
    """What Marian does, in plain words."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)

    def encode(text: str) -> list[int]:
        code = [text[: text.index("<<") + 2]] if text.startswith(">>") else []
        pieces = processor.encode(text[len("".join(code)) :], out_type=str)
        return [ids.get(piece, ids["<unk>"]) for piece in code + pieces]

    return encode


def converted(directory: Path, model: bytes, ids: Mapping[str, int], *, cuts: bool) -> Tokenizer:
    """The tokenizer of a converted vocabulary."""
    (directory / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    (directory / "pieces.spm").write_bytes(model)
    vocabulary = Vocabulary.read(directory / "vocab.json", len(ids), **SPECIAL)
    origin = directory / "pieces.spm"
    table = vocabulary.table(PieceTable.read(origin), origin, cuts=cuts)
    (directory / "converted.spm").write_bytes(table.to_bytes())
    return Tokenizer(directory / "converted.spm", expected_size=len(ids))


def strange(lines: list[str]) -> list[str]:
    """The lines, and lines with letters that no vocabulary has or only the other one has."""
    return [
        *lines,
        *(line.replace("a", "ä").replace("b", "字字") for line in lines),
        "",
        "  ",
        "▁ a",
        "字</s>",
    ]


@pytest.mark.parametrize("cuts", [True, False], ids=["source", "target"])
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_ids_are_marians(kind: str, cuts: bool, tmp_path: Path) -> None:
    ours = sentencepiece_model(1, SOURCE_PIECES, kind)
    other = sentencepiece_model(2, TARGET_PIECES, kind, user_defined_symbols="ä,字字")
    lost = [name for name in piece_names(ours)[3:] if len(name) > 1][:10]
    ids = marian_ids([ours, other], 240, 239, without=lost, codes=CODES)
    tokenizer = converted(tmp_path, ours, ids, cuts=cuts)
    expected = marian_lookup(ours, ids)
    lines = strange(synthetic_sentences(300, seed=1) + synthetic_sentences(100, seed=5))
    for line in [*lines, *(f"{code} {line}" for code in CODES for line in lines[:20])]:
        assert tokenizer.encode(line) == expected(line), line
    assert any(ids["<unk>"] in expected(line) for line in strange(synthetic_sentences(9)))


def test_ids_decode_to_their_pieces(tmp_path: Path) -> None:
    ours, other = sentencepiece_model(1, SOURCE_PIECES), sentencepiece_model(2, TARGET_PIECES)
    ids = marian_ids([ours, other], 240, 239)
    tokenizer = converted(tmp_path, ours, ids, cuts=False)
    names = {token: name for name, token in ids.items()}
    rng = random.Random(0)
    for _ in range(200):
        row = [rng.randrange(240) for _ in range(9)]
        shown = [names[token] for token in row if names[token] not in ("<unk>", "</s>", "<pad>")]
        assert tokenizer.decode(row) == "".join(shown).replace("▁", " ").strip()


def test_a_text_cannot_name_special_tokens(tmp_path: Path) -> None:
    model = sentencepiece_model(1, SOURCE_PIECES)
    ids = marian_ids([model], 200, 199)
    tokenizer = converted(tmp_path, model, ids, cuts=True)
    for text in ("</s>", "<pad>", "<unk> </s>", "<end-of-vocabulary>"):
        assert not {ids["</s>"], ids["<pad>"]} & set(tokenizer.encode(text))


def test_an_unknown_code_is_text(tmp_path: Path) -> None:
    model = sentencepiece_model(1, SOURCE_PIECES)
    tokenizer = converted(tmp_path, model, marian_ids([model], 200, 199, codes=CODES), cuts=True)
    assert tokenizer.split_language_code(">>fra<< Ba") == (">>fra<<", " Ba")
    assert tokenizer.split_language_code(">>xyz<< Ba") == ("", ">>xyz<< Ba")
    assert len(tokenizer.encode(">>xyz<<")) > 1


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_piece_table_is_the_file(kind: str) -> None:
    data = sentencepiece_model(1, SOURCE_PIECES, kind)
    table = PieceTable.parse(data)
    first = sentencepiece.SentencePieceProcessor(model_proto=data)
    second = sentencepiece.SentencePieceProcessor(model_proto=table.to_bytes())
    count = range(first.vocab_size())
    assert [piece.text for piece in table.pieces] == [first.id_to_piece(token) for token in count]
    assert [piece.score for piece in table.pieces] == [first.get_score(token) for token in count]
    assert [piece.kind is Kind.CONTROL for piece in table.pieces] == [first.is_control(t) for t in count]
    lines = synthetic_sentences(50)
    assert first.encode(lines) == second.encode(lines)


def test_many_other_fields_are_kept() -> None:
    """Of a number that only a parser of quadratic time does not end with."""
    more = b"\x52\x00" * 400_000
    model = sentencepiece_model(1, SOURCE_PIECES)
    assert PieceTable.parse(model + more).to_bytes().endswith(more)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    data = sentencepiece_model(1, SOURCE_PIECES)
    for size in [*range(300), *range(300, len(data), 997), len(data) - 1]:
        (tmp_path / "cut.spm").write_bytes(data[:size])
        with pytest.raises(ConversionError, match=r"cut\.spm: not a sentencepiece model, or truncated"):
            PieceTable.read(tmp_path / "cut.spm")


def _trained(lines: list[str], kind: str) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        vocab_size=3000,
        model_type=kind,
        num_threads=1,
        character_coverage=0.999,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.mark.filterwarnings("ignore")  # Transformers' own
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_real_lines_are_cut_as_by_marian_tokenizer(kind: str, shared_data: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reason = "comparing with MarianTokenizer needs octavo[peers]"
        transformers = pytest.importorskip("transformers", reason=reason)

    def lines(name: str, count: int) -> list[str]:
        return (shared_data / name).read_text(encoding="utf-8").splitlines()[:count]

    models = [_trained(lines(f"news-en-de/train.{side}", 3000), kind) for side in ("en", "de")]
    lost = piece_names(models[0])[10::40]
    ids = marian_ids(models, 7000, 6999, without=lost, codes=CODES)
    peer_files = tmp_path / "peer"
    peer_files.mkdir()
    for name, model in zip(("source.spm", "target.spm"), models, strict=True):
        (peer_files / name).write_bytes(model)
    (peer_files / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    peer = transformers.MarianTokenizer.from_pretrained(peer_files)
    (tmp_path / "target").mkdir()
    source = converted(tmp_path, models[0], ids, cuts=True)
    target = converted(tmp_path / "target", models[1], ids, cuts=False)
    english = lines("news-en-de/newstest2014.en", 2000) + lines("wmt/newstest2016.ro", 500)
    german = lines("news-en-de/newstest2014.de", 2000) + lines("multi30k/val.fr", 500)
    coded = [f">>deu<< {line}" for line in english[:200]]
    assert [source.encode(line) for line in english + coded] == [
        peer(line, add_special_tokens=False).input_ids for line in english + coded
    ]
    rows = [peer(text_target=line, add_special_tokens=False).input_ids for line in german]
    assert [target.encode(line) for line in german] == rows
    assert list(map(target.decode, rows)) == [peer.decode(row, skip_special_tokens=True) for row in rows]
    assert sum(ids["<unk>"] in row for row in rows) > 100
