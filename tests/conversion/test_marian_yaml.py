"""The flat YAML of Marian's settings and vocabularies."""

from __future__ import annotations

import json
import random

import pytest

from octavo.conversion import ConversionError
from octavo.conversion.marian.yaml import parse_yaml


def parse(text: str) -> dict[str, str | list[str]]:
    return parse_yaml(text.encode(), "model.yml")


def test_settings() -> None:
    text = """\
---
# Paths are relative
models:
  - model.npz  # the best
  - 'a b.npz'
vocabs: [v.spm, "w.spm"]
input-types:
  []
lemma-dependency: ""
version: v1.12.42 b7be0e964 2025-05-24 22:34:42 -0700
normalize: 0.6 # as in the paper
quoted: 'it''s'  # so
"""
    assert parse(text) == {
        "models": ["model.npz", "a b.npz"],
        "vocabs": ["v.spm", "w.spm"],
        "input-types": [],
        "lemma-dependency": "",
        "version": "v1.12.42 b7be0e964 2025-05-24 22:34:42 -0700",
        "normalize": "0.6",
        "quoted": "it's",
    }


def test_vocabularies() -> None:
    text = (
        '</s>: 0\n"<unk>": 1\n"\\"": 2\n"#": 3\n\':\': 4\n"\\\\": 5\n▁a:b: 6\n? "long"\n: 7\n? plain\n: 8\n'
        "-: 9\n\"\\x85\\u2014\\U0001f600\\t\": 10\n''''  : 11\n"
    )
    with pytest.raises(ConversionError, match=r"model.yml: line 14: no colon follows the key; only a flat"):
        parse(text)
    found = parse(text.replace("''''  :", "'''':"))
    assert list(found) == [
        *("</s>", "<unk>", '"', "#", ":", "\\", "▁a:b", "long", "plain", "-", "\x85—😀\t", "'"),
    ]
    assert list(found.values()) == [str(number) for number in range(12)]


def test_json_lines_are_yaml() -> None:
    names = ['a"b', "\\", "é", "\u2028", "x: y", "# z", "{", "'"]
    assert list(parse("".join(f"{json.dumps(name)}: {i}\n" for i, name in enumerate(names)))) == names


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a",
            "a: b: c\n x: 1",
            "a: {b: 1}",
            "- a",
            "a: &x 1",
            "a: |\n  text",
            "a: 1\na: 2",
            '"a: 1',
            "a: [1, 2",
        ),
        *("a: 1\n- b", "? a\nb: 1", '"\\q": 1', '"\\ud800": 1', "a:\n  b: 1", '"a" b: 1', "!!python/x: 1"),
        *(": 1", 'a: "b" c', "a: [b] c", '"\\U00ffffff": 1', '"\\UFFFFFFFF": 1', "a:\n  - [b]", "[a]: 1"),
    ],
)
def test_what_is_no_flat_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConversionError, match=r"model\.yml: line \d"):
        found = parse(text)
        pytest.fail(f"{text!r} was read as {found}")


def test_long_lists_and_spaces() -> None:
    """Of sizes that only a parser of quadratic time does not end with."""
    many = 400_000
    assert parse("a:\n" + "- b\n" * many) == {"a": ["b"] * many}
    assert parse(f"a: [{'b,' * many}]") == {"a": ["b"] * many}
    assert parse(f"a: b{' ' * many}c{' ' * many}# d") == {"a": f"b{' ' * many}c"}
    with pytest.raises(ConversionError, match="a list without end"):
        parse(f"a: [{' ' * many}b{' ' * many}")


def test_lists_in_a_line() -> None:
    assert parse("""a: [ b c , 'd,]' , "e\\"]" ,, f]  # g""") == {"a": ["b c", "d,]", 'e"]', "", "f"]}


def test_damage() -> None:
    whole = b'a: 1\n"\\x41b": [1, "2"]\nc:\n  - d\n? "e"\n: 5\n# f\n'
    rng = random.Random(1)
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 2, 5))):
            data[rng.randrange(len(data))] = rng.choice(b'\0\n"\\:-[]#? \xffu')
        try:
            parse_yaml(bytes(data), "model.yml")
        except ConversionError as error:
            assert str(error).startswith("model.yml")
