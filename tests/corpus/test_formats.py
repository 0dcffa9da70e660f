"""What goes in and what comes out, for each format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from octavo.corpus import rows, streams
from octavo.errors import InputError

from ..models import opus_languages, write_tiny_model
from .conftest import Run, failed, joined, shards


def as_lines(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def test_text_equals_the_translator(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str]
) -> None:
    (tmp_path / "a.en").write_bytes(as_lines(texts))
    report = run(tmp_path / "a.en")
    assert joined(tmp_path / "out") == as_lines(translations)
    assert [path.name for path in shards(tmp_path / "out")] == [f"part-0000{n}.txt" for n in range(3)]
    assert (report.rows, report.shards, report.failed) == (25, 3, 0)
    assert report.tokens > 0
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    (worker,) = written["workers"].values()
    assert (worker["rows"], worker["shards"], written["tokens"]) == (25, 3, report.tokens)


def test_a_line_that_fails_has_an_empty_one(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str]
) -> None:
    content = [*as_lines(texts).splitlines(keepends=True)]
    content[3] = b"\xff\xfe bad\n"
    content[12] = b"\r\n"
    content[-1] = content[-1].replace(b"\n", b"")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf" + b"".join(content))
    assert run(tmp_path / "a.txt").failed == 1
    expected = [*translations]
    expected[3] = expected[12] = ""
    assert joined(tmp_path / "out") == as_lines(expected)
    assert failed(tmp_path / "out") == [(4, "the line is not UTF-8")]


def test_json_lines_keep_their_other_bytes(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str]
) -> None:
    content = [f'{{ "id":{n}e0,"text": {json.dumps(text)} }} \r\n' for n, text in enumerate(texts)]
    (tmp_path / "a.ndjson").write_text("".join(content), newline="")
    run(tmp_path / "a.ndjson", target_column="de")
    expected = [
        f'{{ "id":{n}e0,"text": {json.dumps(text)}, "de": {json.dumps(found)}}}\n'
        for n, (text, found) in enumerate(zip(texts, translations, strict=True))
    ]
    assert joined(tmp_path / "out").decode() == "".join(expected)


def test_json_lines_that_fail(tmp_path: Path, run: Run) -> None:
    lines = [
        b'{"text": "bako"}',
        b'{"text": "bako"',
        b'["text"]',
        b'{"other": "bako"}',
        b'{"text": 7}',
        b'{"text": null}',
        b'{"text": "\\ud800"}',
        b'{"text": "bako", "translation": "x"}',
        b"",
        b'{"text": "\xff"}',
        b'{"text": ' + b"[" * 100_000 + b"}",
        b'{"text": "bako"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    report = run(tmp_path / "a.jsonl")
    found = [json.loads(line) for line in joined(tmp_path / "out").splitlines()]
    assert [each["text"] for each in found] == ["bako", None, "bako"]
    assert found[1]["translation"] is None
    assert found[0] == found[2]
    reasons = dict(failed(tmp_path / "out"))
    assert sorted(reasons) == [2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert reasons[2].startswith("the line is not valid JSON: Expecting ',' delimiter, at its character 16")
    assert reasons[4] == "the object has no field 'text'"
    assert reasons[5] == "the value is no text but a number"
    assert report.rows == 12


def test_csv_keeps_its_other_bytes(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str]
) -> None:
    cells = [f'"{text}\n{text}"' if n % 3 == 0 else text for n, text in enumerate(texts)]
    records = [f'{n};{cell};"a ""b"""\r\n' for n, cell in enumerate(cells)]
    (tmp_path / "a.csv").write_text("\ufeffid;text;note\r\n" + "\r\n".join(records), newline="")
    run(tmp_path / "a.csv")
    found = [f'"{one}\n{one}"' if n % 3 == 0 else one for n, one in enumerate(translations)]
    expected = [
        record.removesuffix("\r\n") + f";{each}\r\n" for record, each in zip(records, found, strict=True)
    ]
    head = "id;text;note;translation\r\n"
    for number, path in enumerate(shards(tmp_path / "out")):
        assert path.read_bytes().decode() == head + "".join(expected[10 * number : 10 * number + 10])


def test_csv_rows_that_fail(tmp_path: Path, run: Run) -> None:
    content = b'id,text\n1,bako\n2,\xff\n3\n4,"bako"x\n5,bako\n6,"bako\n'
    (tmp_path / "a.csv").write_bytes(content)
    run(tmp_path / "a.csv")
    assert [line[:6] for line in joined(tmp_path / "out").splitlines()] == [b"id,tex", b"1,bako", b"5,bako"]
    reasons = dict(failed(tmp_path / "out"))
    assert sorted(reasons) == [2, 3, 4, 6]
    assert reasons[3] == "the row has 1 column, and the first row has 2"
    assert "not valid CSV" in reasons[4]


def test_a_quote_in_tsv_is_a_sign_like_others(tmp_path: Path, run: Run, texts: list[str]) -> None:
    (tmp_path / "a.tsv").write_text("text\tid\n" + "".join(f'"{text}\t{text}\n' for text in texts))
    assert run(tmp_path / "a.tsv").rows == 25
    assert all(line.count(b"\t") == 2 for line in joined(tmp_path / "out").splitlines())


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_files_come_back_packed(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str], ending: str
) -> None:
    arrow = pytest.importorskip("pyarrow")
    halves = [as_lines(texts[:11]), as_lines(texts[11:])]
    pack = gzip.compress if ending == ".gz" else lambda data: arrow.compress(data, "zstd", asbytes=True)
    unpack = gzip.open if ending == ".gz" else lambda path: arrow.input_stream(str(path), compression="zstd")
    (tmp_path / f"a.txt{ending}").write_bytes(b"".join(map(pack, halves)))
    run(tmp_path / f"a.txt{ending}")
    before = joined(tmp_path / "out")
    content = []
    for path in shards(tmp_path / "out"):
        assert path.name.endswith(f".txt{ending}")
        with unpack(path) as stream:
            content.append(stream.read())
    assert b"".join(content) == as_lines(translations)
    run(tmp_path / f"a.txt{ending}", output=tmp_path / "again")
    assert joined(tmp_path / "again") == before


def test_parquet_keeps_types_and_order(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str]
) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {
        "id": arrow.array(range(25), arrow.int16()),
        "text": [None if n == 4 else text for n, text in enumerate(texts)],
        "tags": [["a"]] * 25,
        "when": arrow.array([1] * 25, arrow.timestamp("us", "UTC")),
    }
    table = arrow.table(columns).replace_schema_metadata({"origin": "here"})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    run(tmp_path / "a.parquet")
    found = arrow.concat_tables(parquet.read_table(path) for path in shards(tmp_path / "out"))
    source = parquet.read_table(tmp_path / "a.parquet")
    assert found.drop_columns(["translation"]).equals(source, check_metadata=True)
    expected = [None if n == 4 else one for n, one in enumerate(translations)]
    assert found["translation"].to_pylist() == expected
    assert found.schema.field("translation").type == arrow.string()


def test_parquet_texts_that_fail_are_left_out(tmp_path: Path, run: Run) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = ["bako", "b" * (rows.MOST_CHARACTERS + 1), "bako"]
    table = arrow.table({"text": arrow.array(texts, arrow.large_string()), "id": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "a.parquet")
    run(tmp_path / "a.parquet")
    (path,) = shards(tmp_path / "out")
    found = parquet.read_table(path)
    assert found["id"].to_pylist() == [1, 3]
    assert found.schema.field("translation").type == arrow.large_string()
    assert failed(tmp_path / "out")[0][0] == 2


def test_a_line_without_end_takes_no_memory(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_LINE_BYTES", 100)
    lines = ["bako", "ko" * 49, "x" * 99, "y" * 100, "z" * 1000, "bako"]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    run(tmp_path / "a.txt", rows_per_shard=2)
    assert failed(tmp_path / "out") == [(4, "the line is too long"), (5, "the line is too long")]
    found = joined(tmp_path / "out").split(b"\n")
    assert len(found) == 7
    assert found[0] == found[5]


def test_several_files_and_patterns(
    tmp_path: Path, run: Run, texts: list[str], translations: list[str]
) -> None:
    (tmp_path / "b.txt").write_bytes(as_lines(texts[:13]))
    (tmp_path / "a.txt").write_bytes(b"")
    (tmp_path / "c.txt").write_bytes(as_lines(texts[13:]))
    report = run(tmp_path / "*.txt")
    assert (report.rows, report.shards) == (25, 4)
    assert joined(tmp_path / "out") == as_lines(translations)


def test_a_pattern_finds_no_shard_of_the_job_itself(tmp_path: Path, run: Run, texts: list[str]) -> None:
    (tmp_path / "a.txt").write_bytes(as_lines(texts))
    first, second = (run(tmp_path / "**" / "*.txt") for _ in range(2))
    assert (second.rows, second.shards) == (first.rows, first.shards) == (25, 3)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"id,body\n1,x\n", "has no column 'text'; its first row has id, body"),
        ("a.csv", b"text,text\n1,x\n", "several columns 'text'"),
        ("a.csv", b"text,translation\n1,x\n", "has a column 'translation' already"),
        ("a.csv", b"\xff,text\n1,x\n", "is not UTF-8"),
        ("a.csv", "text\n".encode("utf-16"), "is no csv but UTF-16"),
        ("a.docx", b"PK\x03\x04....", "is no text but a ZIP archive"),
        ("a.parquet", b"PAR1 is not one", "is no Parquet file"),
        ("a.json", b"[]", "--format jsonl"),
        ("a.txt.gz", gzip.compress(b"bako\n" * 1000, mtime=0)[:-9], "cannot be read"),
        ("a.txt.zst", b"no zstd at all", "cannot be read"),
    ],
)
def test_inputs_that_cannot_be(tmp_path: Path, run: Run, name: str, content: bytes, message: str) -> None:
    if name.endswith((".parquet", ".zst")):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as raised:
        run(tmp_path / name)
    assert message in str(raised.value)
    assert name in str(raised.value)


def test_a_damaged_parquet_file(tmp_path: Path, run: Run, texts: list[str]) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"text": texts * 200}), tmp_path / "a.parquet")
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[20:200] = bytes(180)
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read"):
        run(tmp_path / "a.parquet")


def test_a_parquet_column_that_comes_twice(tmp_path: Path, run: Run) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = arrow.Table.from_arrays([["bako"], ["bako"]], names=["text", "text"])
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="several columns 'text'"):
        run(tmp_path / "a.parquet")


def test_a_parquet_column_that_is_no_text(tmp_path: Path, run: Run) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"text": [1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="is int64, not text"):
        run(tmp_path / "a.parquet")


def test_inputs_that_are_named_wrong(tmp_path: Path, run: Run) -> None:
    (tmp_path / "a.txt").write_text("bako\n")
    (tmp_path / "a.jsonl").write_text("{}\n")
    for inputs, message in (
        (["a.txt", "a.txt"], "comes twice"),
        (["a.txt", "a.jsonl"], "a corpus has one format"),
        (["none*"], "there is no such file"),
        ([""], "is a directory"),
    ):
        with pytest.raises(InputError, match=message):
            run(*(tmp_path / name for name in inputs))


def test_a_text_in_front_of_which_is_no_code_of_the_model_is_a_failed_row(tmp_path: Path, run: Run) -> None:
    model = write_tiny_model(tmp_path / "opus", languages=opus_languages(), target_language="mul")
    lines = ">>fra<< Bako.\n>>xyz<< Bako.\nBako.\n\n>>deu<< Tire.\n"
    (tmp_path / "a.txt").write_text(lines, encoding="utf-8")
    assert run(tmp_path / "a.txt", model=model).failed == 2
    unknown, missing = failed(tmp_path / "out")
    assert unknown[0] == 2 and "'>>xyz<<': the model does not have it; it has >>deu<<, >>fra<<" in unknown[1]
    assert missing[0] == 3 and "target language: the model has 2, and needs to be told which" in missing[1]
