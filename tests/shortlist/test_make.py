"""Building a shortlist: what is read, what is written, and how a stopped run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.calibration.measure.dev_text import DevText
from octavo.engine import Engine, SearchOptions
from octavo.errors import OutputError
from octavo.model.scheme import Scheme
from octavo.runs.finished_steps import steps_folder
from octavo.shortlist import counting, make
from octavo.shortlist.errors import ShortlistError
from octavo.shortlist.layer import missed_share
from octavo.shortlist.make import Request, make_shortlist
from octavo.shortlist.text import LineText, pairs

from ..models import synthetic_sentences, tiny_config, write_tiny_model
from ..shortlists import random_shortlist

TEXT = synthetic_sentences(120)
CONFIG = tiny_config(max_positions=256)


def text(lines: list[str], name: str = "text.en") -> LineText:
    return LineText(name, lambda: iter(lines))


@pytest.fixture(params=[Scheme.NONE, Scheme.INT8_DYNAMIC])
def model_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_tiny_model(
        tmp_path / "model", config=CONFIG, scheme=request.param, quality={"dev": {"bleu": 3}}
    )


@pytest.fixture
def float_path(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model", config=CONFIG)


def test_the_lists_hold_what_the_model_says(model_path: Path, tmp_path: Path) -> None:
    made = make_shortlist(model_path, tmp_path / "out", Request(text(TEXT), common=5, per_token=1000))
    model = ModelDirectory.open(tmp_path / "out")
    assert made.sentences == len(TEXT)
    assert len(made.shortlist.common) == 6
    assert model.quality["dev"] == {"bleu": 3}
    assert model.quality["shortlist"]["sentences"] == len(TEXT)
    assert model.quality["shortlist"]["layer"] == made.layer.layer
    tokenizer = model.tokenizers()[0]
    sources = [np.array(tokenizer.encode(line), np.int32) for line in TEXT]
    precision = "float32" if model.plan is None else "int8"
    options = SearchOptions.from_defaults(model.search, max_length=256)
    without = Engine(model, precision=precision).translate(sources, options)
    said = [hypotheses[0].tokens for hypotheses in without]
    assert missed_share(made.shortlist, sources, said) == 0
    assert not steps_folder(tmp_path / "out", "shortlist").exists()


def test_given_translations(float_path: Path, tmp_path: Path) -> None:
    target = text(synthetic_sentences(120, seed=5), "text.de")
    made = make_shortlist(float_path, tmp_path / "out", Request(text(TEXT), target, common=5, per_token=1000))
    read = list(pairs(ModelDirectory.open(float_path), text(TEXT), target))
    assert missed_share(made.shortlist, [p.source for p in read], [p.target for p in read]) == 0
    assert ModelDirectory.open(tmp_path / "out").quality["shortlist"]["target"] == "text.de"


def test_loss_on_a_dev_set(float_path: Path, tmp_path: Path) -> None:
    dev = DevText("dev.en", "dev.de", tuple(TEXT[:20]), tuple(TEXT[:20]))
    made = make_shortlist(float_path, tmp_path / "out", Request(text(TEXT), dev=dev))
    assert made.loss is not None
    assert made.loss.lines == 20
    assert made.candidates <= made.vocabulary == 96
    assert ModelDirectory.open(tmp_path / "out").quality["shortlist"]["dev"] == json.loads(
        json.dumps(made.loss.to_dict())
    )


def test_a_stopped_run_goes_on(float_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_shortlist(float_path, tmp_path / "whole", Request(text(TEXT)))
    monkeypatch.setattr(counting, "CHUNK_SENTENCES", 25)
    monkeypatch.setattr(counting, "_SECONDS_BETWEEN_SAVES", 0.0)
    monkeypatch.setattr(counting, "_SAVING_SHARE", 1e9)  # however long a save took
    count = counting.Counting._count
    seen: list[int] = []

    def stopping(self: counting.Counting, engines, layer, chunk) -> None:
        if len(seen) == 3:
            seen.append(-1)
            raise KeyboardInterrupt
        count(self, engines, layer, chunk)
        seen.append(len(chunk))

    monkeypatch.setattr(counting.Counting, "_count", stopping)
    with pytest.raises(KeyboardInterrupt):
        make_shortlist(float_path, tmp_path / "out", Request(text(TEXT)))
    assert (steps_folder(tmp_path / "out", "shortlist") / "counts.npz").exists()
    assert not (tmp_path / "out").exists()
    del seen[:3]
    monkeypatch.setattr(make, "choose_layer", None)  # it is chosen already
    made = make_shortlist(float_path, tmp_path / "out", Request(text(TEXT)))
    assert seen == [-1, 25, 20]  # 75 sentences were counted before
    assert not steps_folder(tmp_path / "out", "shortlist").exists()
    for name in ("common", "offsets", "tokens"):
        np.testing.assert_array_equal(getattr(made.shortlist, name), getattr(whole.shortlist, name))


@pytest.mark.parametrize("damage", ["another text", "another model", "damaged"])
def test_counts_of_something_else_are_not_used(
    float_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(counting, "CHUNK_SENTENCES", 25)
    run = counting.Counting.run

    def stopped(self: counting.Counting, engines, layer, text, progress) -> None:
        run(self, engines, layer, text, progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(counting.Counting, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        make_shortlist(float_path, tmp_path / "out", Request(text(TEXT)))
    monkeypatch.setattr(counting.Counting, "run", run)
    lines, path = TEXT, float_path
    kept = steps_folder(tmp_path / "out", "shortlist") / "counts.npz"
    if damage == "another text":
        lines = TEXT[1:]
    elif damage == "another model":
        path = write_tiny_model(tmp_path / "other", config=CONFIG, seed=9)
    else:
        kept.write_bytes(kept.read_bytes()[:100])
    made = make_shortlist(path, tmp_path / "out", Request(text(lines)))
    fresh = make_shortlist(path, tmp_path / "fresh", Request(text(lines)))
    assert made.sentences == len(lines)
    np.testing.assert_array_equal(made.shortlist.tokens, fresh.shortlist.tokens)


def test_the_same_text_gives_the_same_file(float_path: Path, tmp_path: Path) -> None:
    for name, threads in (("one", 1), ("two", 3)):
        make_shortlist(float_path, tmp_path / name, Request(text(TEXT)), threads=threads)
    one, two = (tmp_path / name / "shortlist.safetensors" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_sentences_are_those_of_a_translator(float_path: Path) -> None:
    model = ModelDirectory.open(float_path)
    lines = ["Bako tire. Mun salder!", "", "   ", "Ko" * 800]
    found = list(pairs(model, text(lines), None))
    tokenizer = model.tokenizers()[0]
    assert [p.source.tolist() for p in found] == [tokenizer.encode(s) for s in ("Bako tire.", "Mun salder!")]
    assert [p.target for p in found] == [None, None]


def test_texts_that_are_not_parallel(float_path: Path, tmp_path: Path) -> None:
    request = Request(text(TEXT), text(TEXT[:100], "text.de"))
    with pytest.raises(ShortlistError, match=r"text\.de has fewer lines than text\.en"):
        make_shortlist(float_path, tmp_path / "out", request)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_too_little_text(float_path: Path, tmp_path: Path) -> None:
    with pytest.raises(ShortlistError, match=r"text\.en: 3 sentences of a length that fits the model"):
        make_shortlist(float_path, tmp_path / "out", Request(text(TEXT[:3])))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_an_output_inside_the_model(float_path: Path) -> None:
    with pytest.raises(OutputError, match="lies inside the model"):
        make_shortlist(float_path, float_path / "out", Request(text(TEXT)))


def test_a_model_that_has_one_gets_another(tmp_path: Path) -> None:
    config = CONFIG
    path = write_tiny_model(tmp_path / "model", config=config, shortlist=random_shortlist(config, 3, 0))
    plain = write_tiny_model(tmp_path / "plain", config=config)
    found, expected = (
        make_shortlist(source, tmp_path / f"{source.name}-out", Request(text(TEXT))).shortlist
        for source in (path, plain)
    )
    np.testing.assert_array_equal(found.tokens, expected.tokens)
