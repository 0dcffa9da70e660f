"""--from and --to: every command that translates with a model of several languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.artifact import ModelDirectory

from ..models import nllb_languages, synthetic_sentences, tiny_config, write_tiny_model
from .conftest import Octavo
from .test_bad_input import message

PAIR = ("--from", "en", "--to", "deu_Latn")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(
        tmp_path_factory.mktemp("models") / "nllb",
        config=tiny_config(max_positions=256),
        languages=nllb_languages(),
        source_language="mul",
        target_language="mul",
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.en"
    path.write_text("".join(f"{line}\n" for line in synthetic_sentences(40)), encoding="utf-8")
    return path


def test_translate_from_and_to(octavo_here: Octavo, model: Path, text: Path) -> None:
    translations = {
        to: octavo_here("translate", "-m", model, "--from", "en", "--to", to, "-i", text, "-t", 1).stdout
        for to in ("de", "deu_Latn", "fr")
    }
    assert translations["de"] == translations["deu_Latn"] != translations["fr"]
    assert translations["de"].count(b"\n") == 40


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "source language: the model has 5, and needs to be told which (source=, --from): eng_Latn"),
        (("--from", "en"), "target language: the model has 5, and needs to be told which (to=, --to): eng"),
        ((*PAIR[:3], "zh"), "language 'zh': may be zho_Hans or zho_Hant; state which"),
        ((*PAIR[:3], "xx"), "language 'xx': the model does not have it; it has eng_Latn, deu_Latn, fra"),
    ],
)
def test_languages_have_to_be_known(
    octavo_here: Octavo, model: Path, text: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    for command in (
        ("translate", "-m", model, "Bako."),
        ("evaluate", "-m", model, "--source", text, "--reference", text),
        ("quantize", model, "--calibrate", text, "-o", "out"),
        ("shortlist", model, "--source", text, "-o", "out"),
        ("align", model, "--source", text, "-o", "out"),
        ("bench", model, "--source", text),
        ("corpus", text, "-m", model, "-o", "out"),
    ):
        assert complaint in message(octavo_here(*command, *arguments))


def test_a_document_states_its_new_language(octavo_here: Octavo, model: Path, tmp_path: Path) -> None:
    (tmp_path / "terms.tsv").write_text("Bako\tTire\n")
    (tmp_path / "a.po").write_text(
        'msgid ""\nmsgstr ""\n"Language: \\n"\n\nmsgid "Bako tire."\nmsgstr ""\n', encoding="utf-8"
    )
    done = octavo_here("translate", "a.po", "-o", "b.po", "-m", model, *PAIR, "--glossary", "terms.tsv")
    assert done.returncode == 0, done.stderr
    assert '"Language: de\\n"' in (tmp_path / "b.po").read_text()


def test_a_model_is_calibrated_for_a_pair(
    octavo_here: Octavo, model: Path, text: Path, tmp_path: Path
) -> None:
    done = octavo_here(
        *("quantize", model, "--calibrate", text, "--dev", text, text, "--max-drop", 100, *PAIR),
        *("--method", "naive", "--inputs", "dynamic", "--no-smooth", "--no-bias-correction"),
        *("--sentences", 20, "--float32", "*", "-o", "out", "-t", 1),
    )
    assert done.returncode == 0, done.stderr.decode()
    found = ModelDirectory.open(tmp_path / "out")
    assert found.languages == nllb_languages()
    described = found.quality["calibration"]["model"]
    assert (described["source_language"], described["target_language"]) == ("en", "de")
    assert (found.source_language, found.target_language) == ("mul", "mul")
    refused = octavo_here("quantize", model, "-o", "dynamic", *PAIR)
    assert "--from and --to are the languages of texts; add --calibrate SRC" in message(refused)


def test_a_shortlist_is_for_one_pair(octavo_here: Octavo, model: Path, text: Path, tmp_path: Path) -> None:
    options = ("--common", 4, "--per-token", 2, "-t", 1)
    done = octavo_here("shortlist", model, "--source", text, *options, *PAIR, "-o", "out")
    assert done.returncode == 0, done.stderr.decode()
    languages = ModelDirectory.open(tmp_path / "out").languages
    assert languages == nllb_languages(default_source="eng_Latn", default_target="deu_Latn")
    plain = octavo_here("translate", "-m", "out", "-i", text)
    assert plain.returncode == 0
    assert octavo_here("translate", "-m", "out", "-i", text, *PAIR).stdout == plain.stdout
    refused = octavo_here("translate", "-m", "out", "--to", "fr", "Bako.")
    assert "en to fr: the model's shortlist is for en to de; load it without" in message(refused)
    assert octavo_here("translate", "-m", "out", "--to", "fr", "--no-shortlist", "Bako.").returncode == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    config["languages"]["default"]["target"] = None
    (tmp_path / "out" / "config.json").write_text(json.dumps(config))
    assert "shortlist: is for one pair of languages" in message(octavo_here("inspect", "out"))


def test_the_other_commands_take_a_pair(octavo_here: Octavo, model: Path, text: Path) -> None:
    small = ("-t", 1)
    for command in (
        ("evaluate", "-m", model, "--source", text, "--reference", text, "--limit", 8),
        ("align", model, "--source", text, "-o", "aligned"),
        ("bench", model, "--source", text, "--sentences", 4, "--rounds", 1, "--beam", 1),
        ("bench", model, "--source", text, "--sentences", 4, "--rounds", 1, "--latency", "--beam", 1),
        ("corpus", text, "-m", model, "-o", "translated", "--beam", 1),
    ):
        done = octavo_here(*command, *PAIR, *small)
        assert done.returncode == 0, (command, done.stderr.decode())


def test_a_model_of_several_languages_is_listed_by_their_number(
    octavo_here: Octavo, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCTAVO_MODELS", str(model.parent))
    assert "nllb   5 languages  float" in octavo_here("models", "list").stdout.decode()
    (row, *_) = json.loads(octavo_here("models", "list", "--json").stdout)["models"]
    assert row["languages"] == list(nllb_languages().codes)
