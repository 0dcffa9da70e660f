# ruff: noqa: RUF001 - the characters of other scripts are meant
"""The tokenizer takes any string, gives one line, and refuses files that are no vocabulary."""

from __future__ import annotations

import os
import random
import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from octavo.errors import ModelError
from octavo.text import Tokenizer
from octavo.text.clean import one_line

from ..models import synthetic_sentences, tiny_tokenizer

LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
ANY_TEXT = st.text(st.characters(categories=None))  # surrogates too


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return Tokenizer(tiny_tokenizer(tmp_path_factory.mktemp("plain") / "tokenizer.spm"), expected_size=96)


@pytest.fixture(scope="module")
def bytes_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("bytes") / "tokenizer.spm"
    return Tokenizer(tiny_tokenizer(path, 340, byte_fallback=True))


def test_sentences_come_back(tokenizer: Tokenizer, bytes_tokenizer: Tokenizer) -> None:
    for sentence in synthetic_sentences(50, seed=1):
        assert tokenizer.decode(tokenizer.encode(sentence)) == sentence
        assert bytes_tokenizer.decode(bytes_tokenizer.encode(sentence)) == sentence


def test_ids_have_no_bos_and_eos(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Bako tire.")
    assert len(ids) == tokenizer.count("Bako tire.")
    assert not {0, 2, 3} & set(ids)
    assert tokenizer.encode("") == tokenizer.encode("  \n") == []
    assert tokenizer.decode([]) == ""
    assert tokenizer.decode([0, 2, 3]) == ""


@settings(deadline=None)
@given(text=ANY_TEXT)
@example(text="\0")
@example(text="a\ud800b\udfff")
@example(text="\x85\u2028\ufeff\u200b")
def test_any_text_is_encoded(tokenizer: Tokenizer, bytes_tokenizer: Tokenizer, text: str) -> None:
    for each in (tokenizer, bytes_tokenizer):
        ids = each.encode(text)
        assert all(0 <= token < each.size for token in ids)
        assert_one_line(each.decode(ids))


@settings(deadline=None)
@given(ids=st.lists(st.integers(0, 339), max_size=50))
@example(ids=[4 + 0x0A, 4 + 0x0D, 4 + 0x00, 4 + 0xFF])  # the bytes of byte fallback begin at token 4
@example(ids=[4 + 0xE2, 4 + 0x80, 4 + 0xA8])  # U+2028 in UTF-8
def test_any_ids_decode_to_one_line(bytes_tokenizer: Tokenizer, ids: list[int]) -> None:
    assert_one_line(bytes_tokenizer.decode(ids))


def check_spans(text: str, spans: list[tuple[int, int]]) -> None:
    ends = [0, *(end for span in spans for end in span), len(text)]
    assert ends == sorted(ends)
    assert all(text[i:j] == text[i:j].strip() for i, j in spans)


@settings(deadline=None, max_examples=300)
@given(text=ANY_TEXT)
@example(text="\ufdfa \u00bd \ufb01ne \uff41\uff42\u65e5\u672ce\u0301 \U0001f600")
@example(text="\ud800 ba\0ko\r\n \x07tire\x85\u2028")
def test_spans_of_source_tokens(tokenizer: Tokenizer, bytes_tokenizer: Tokenizer, text: str) -> None:
    for each in (tokenizer, bytes_tokenizer):
        ids, spans = each.encode_with_spans(text)
        assert ids == each.encode(text)
        assert len(spans) == len(ids)
        check_spans(text, spans)


@settings(deadline=None, max_examples=300)
@given(ids=st.lists(st.integers(0, 339), max_size=50))
@example(ids=[4 + 0xE2, 4 + 0x80, 4 + 0xA8, 300, 4 + 0x0A, 300, 4, 4 + 0x0A])
@example(ids=[1, 0, 2, 3, 1, 1])
def test_spans_of_target_tokens(bytes_tokenizer: Tokenizer, ids: list[int]) -> None:
    text, spans = bytes_tokenizer.decode_with_spans(ids)
    assert text == bytes_tokenizer.decode(ids)
    assert len(spans) == len(ids)
    check_spans(text, spans)


def test_spans_are_the_words_of_the_text(tokenizer: Tokenizer, bytes_tokenizer: Tokenizer) -> None:
    for each in (tokenizer, bytes_tokenizer):
        for text in ("bako\ttire", "  Bako \x07 tire, \r\nmun. ", "ba\0ko 😀tire 👍🏽 e\u0301 😀"):
            ids, spans = each.encode_with_spans(text)
            covered = {at for i, j in spans for at in range(i, j)}
            missed = {char for at, char in enumerate(text) if at not in covered}
            assert all(char.isspace() or not char.isprintable() for char in missed)
            decoded, target = each.decode_with_spans(ids)
            if each is bytes_tokenizer and "e\u0301" not in text:
                words = [text[i:j].replace("\0", "") for i, j in spans]
                assert [decoded[i:j] for i, j in target] == words
    assert tokenizer.encode_with_spans("") == ([], [])
    with pytest.raises(ValueError, match="token 96 lies outside the vocabulary of 96"):
        tokenizer.decode_with_spans([96])


def assert_one_line(text: str) -> None:
    assert text == text.strip()
    assert not [char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert len(text.splitlines()) <= 1


def test_bytes_that_are_line_breaks_decode_to_spaces(bytes_tokenizer: Tokenizer) -> None:
    a = bytes_tokenizer.encode("a")
    assert bytes_tokenizer.decode([*a, 4 + 0x0A, *a[1:]]) == "a a"


def test_control_characters_are_spaces_or_nothing(tokenizer: Tokenizer) -> None:
    plain = tokenizer.encode("bako tire")
    for char in LINE_BREAKS + "\t\x1f":
        assert tokenizer.encode(f"bako{char}tire") == plain
    for char in "\0\x07\x1b\x7f\x80\x9f":
        assert tokenizer.encode(f"ba{char}ko tire") == plain


@settings(deadline=None)
@given(text=ANY_TEXT)
def test_one_line_only_touches_what_breaks_lines(text: str) -> None:
    cleaned = one_line(text)
    cleaned.encode("utf-8")
    assert one_line(cleaned) == cleaned
    kept = [char for char in text if unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")]
    assert [char for char in cleaned if char not in " \ufffd"] == [c for c in kept if c not in " \ufffd"]


def test_long_lines(tokenizer: Tokenizer) -> None:
    assert tokenizer.count("bako" * 1250) > 1000
    assert tokenizer.count("x y " * 25_000) > 25_000


def test_decode_refuses_ids_outside_the_vocabulary(tokenizer: Tokenizer) -> None:
    for token in (-1, 96, 2**40):
        with pytest.raises(ValueError, match=f"token {token} lies outside the vocabulary of 96"):
            tokenizer.decode([5, token])


def test_other_size_is_refused(tmp_path: Path) -> None:
    path = tiny_tokenizer(tmp_path / "tokenizer.spm")
    with pytest.raises(
        ModelError, match="has 96 tokens, the model 97; use the tokenizer file that the model"
    ):
        Tokenizer(path, expected_size=97)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the tokenizer file is empty"),
        (b"no model at all", "not a sentencepiece model, or corrupt; copy it again"),
        (b"\0" * 1000, "not a sentencepiece model, or corrupt"),
    ],
)
def test_files_that_are_no_vocabulary(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "bad.spm"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=message):
        Tokenizer(path)


def test_a_character_cut_across_two_pieces_is_refused(tmp_path: Path) -> None:
    path = tiny_tokenizer(tmp_path / "bad.spm")
    data = path.read_bytes()
    one, next_one = "▁derderlo".encode(), "▁derlosal".encode()
    assert data.index(one) < data.index(next_one) < data.index(one) + 40, "neighbours, so that both join"
    data = data.replace(one, one[:-1] + b"\xe2").replace(next_one, b"\x96\x81xderlosal")
    path.write_bytes(data)
    with pytest.raises(ModelError, match="corrupt; copy it again"):
        Tokenizer(path)


def test_what_sentencepiece_fails_at_in_use_is_an_error_of_the_file(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Damaged:
        def encode(self, text: str, **options: object) -> None:
            b"\xff".decode()

        def decode(self, ids: list[int]) -> None:
            raise RuntimeError("internal")

    monkeypatch.setattr(tokenizer, "_processor", Damaged())
    for use in (lambda: tokenizer.encode("ba"), lambda: tokenizer.decode([5])):
        with pytest.raises(ModelError, match=r"tokenizer\.spm: .*corrupt; copy it again"):
            use()


def test_versions_of_sentencepiece_that_a_damaged_file_crashes_are_not_admitted() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    needed = map(Requirement, project["project"]["dependencies"])
    (sentencepiece,) = (requirement for requirement in needed if requirement.name == "sentencepiece")
    assert not any(sentencepiece.specifier.contains(version) for version in ("0.2.0", "0.2.1"))


def test_missing_file_directory_and_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.spm")
    for path in (tmp_path / "nowhere.spm", tmp_path, tmp_path / "pipe.spm"):
        with pytest.raises(ModelError, match="cannot read the tokenizer file"):
            Tokenizer(path)


def test_huge_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.spm").open("wb") as stream:
        stream.truncate(2**30)
    with pytest.raises(ModelError, match="larger than"):
        Tokenizer(tmp_path / "huge.spm")


def test_corrupt_files_load_and_work_or_are_refused(tmp_path: Path) -> None:
    data = tiny_tokenizer(tmp_path / "good.spm").read_bytes()
    path = tmp_path / "bad.spm"
    refused = 0
    for seed in range(300):
        rng = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 1, 4, 32))):
            damaged[rng.randrange(rng.choice((100, 2500, len(data))))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
        try:
            tokenizer = Tokenizer(path)
        except ModelError:
            refused += 1
        else:
            assert_one_line(tokenizer.decode(tokenizer.encode("Bako é ﷺ ½ ａｂ tire! 日本")))
            assert_one_line(tokenizer.decode(range(tokenizer.size)))
    assert 100 < refused < 300
