"""``octavo evaluate``: the figures are sacreBLEU's, and both engines go through the same door."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

import octavo as package
from octavo.evaluation.quality import measure_quality

from ...models import NEEDS_TORCH, synthetic_sentences
from ..conftest import Octavo

SOURCES = synthetic_sentences(25)


@pytest.fixture
def files(tmp_path: Path, int8_model: Path) -> tuple[str, str]:
    """A source file, and a reference that shares some words with the translations."""
    with package.load(int8_model, threads=1) as translator:
        found = [translation.text for translation in translator(SOURCES)]
    references = [" ".join([*text.split()[:6], "Bako", "tire."]) for text in found]
    (tmp_path / "test.en").write_text("".join(f"{text}\n" for text in SOURCES))
    (tmp_path / "test.de").write_text("".join(f"{text}\n" for text in references))
    return "test.en", "test.de"


def test_quality_is_sacrebleus() -> None:
    hypotheses = ["the cat sat on the mat", "a dog runs in the park today", "hello there my friend"]
    references = ["the cat sat on a mat", "a dog runs through the park today", "hello there my old friend"]
    quality = measure_quality(hypotheses, references)
    bleu = sacrebleu.corpus_bleu(hypotheses, [references])
    assert quality.bleu == pytest.approx(bleu.score, abs=1e-9)
    assert quality.chrf == pytest.approx(sacrebleu.corpus_chrf(hypotheses, [references]).score, abs=1e-9)
    assert quality.length_ratio == bleu.sys_len / bleu.ref_len
    assert "tok:13a" in quality.bleu_signature
    assert "nc:6" in quality.chrf_signature


@pytest.mark.parametrize("pair", [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_unequal_or_empty_sets_are_refused(pair: tuple[list[str], list[str]]) -> None:
    with pytest.raises(ValueError, match="references"):
        measure_quality(*pair)


def test_a_report(octavo_here: Octavo, int8_model: Path, files: tuple[str, str], tmp_path: Path) -> None:
    source, reference = files
    arguments = ("-m", int8_model, "--source", source, "--reference", reference, "--threads", 1, "--beam", 3)
    done = octavo_here("evaluate", *arguments, "--json", "-o", "out.txt")
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    with package.load(int8_model, threads=1) as translator:
        translations = translator(SOURCES, beam=3)
    texts = [translation.text for translation in translations]
    assert (tmp_path / "out.txt").read_text().splitlines() == texts
    quality = measure_quality(texts, (tmp_path / "test.de").read_text().splitlines())
    assert (report["bleu"], report["chrf"]) == (quality.bleu, quality.chrf)
    assert report["bleu"] > 0
    assert report["target_tokens"] == sum(translation.target_tokens for translation in translations)
    assert report["incomplete"] == sum(not translation.complete for translation in translations)
    assert report["tokens_per_second"] == pytest.approx(report["target_tokens"] / report["seconds"])
    assert (report["engine"], report["precision"], report["threads"]) == ("octavo", "int8", 1)
    assert (report["search"]["beam"], report["lines"]) == (3, 25)

    words = octavo_here("evaluate", *arguments, "--limit", 5).stdout.decode()
    assert "BLEU" in words
    assert quality.chrf_signature in words
    assert "lines         5" in words


@NEEDS_TORCH
def test_the_pytorch_reference_through_the_same_door(
    octavo_here: Octavo, float_model: Path, files: tuple[str, str], tmp_path: Path
) -> None:
    arguments = ("-m", float_model, "--source", files[0], "--reference", files[1], "--threads", 1, "--json")
    reports: list[dict[str, Any]] = []
    for engine in ("octavo", "pytorch"):
        done = octavo_here("evaluate", *arguments, "--engine", engine, "-o", engine)
        assert done.returncode == 0, done.stderr.decode()
        reports.append(json.loads(done.stdout))
    lines = [(tmp_path / engine).read_text().splitlines() for engine in ("octavo", "pytorch")]
    same = sum(ours == theirs for ours, theirs in zip(*lines, strict=True))
    assert same >= 24, "float error may decide a tie, no more"
    assert [report["precision"] for report in reports] == ["float32", "float32"]


@NEEDS_TORCH
def test_the_reference_widens_int8_weights(
    octavo_here: Octavo, int8_model: Path, files: tuple[str, str]
) -> None:
    done = octavo_here(
        "evaluate", "-m", int8_model, "--source", files[0], "--reference", files[1], "--engine", "pytorch"
    )
    assert done.returncode == 0, done.stderr.decode()
    done = octavo_here(
        *("evaluate", "-m", int8_model, "--source", files[0], "--reference", files[1]),
        *("--engine", "pytorch", "--precision", "int8"),
    )
    assert done.returncode == 2
    assert b"float32" in done.stderr


def test_without_pytorch_the_error_says_what_to_install(
    octavo_here: Octavo, int8_model: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def no_torch(name: str, *arguments: Any, **named: Any) -> Any:
        if name.split(".")[0] == "torch":
            raise ImportError(name)
        return real_import(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", no_torch)
    done = octavo_here(
        "evaluate", "-m", int8_model, "--source", files[0], "--reference", files[1], "--engine", "pytorch"
    )
    assert done.returncode == 2
    assert b"pip install 'octavo[train]'" in done.stderr


def test_files_of_unequal_length_are_refused(
    octavo_here: Octavo, int8_model: Path, files: tuple[str, str], tmp_path: Path
) -> None:
    with (tmp_path / files[1]).open("a") as reference:
        reference.write("one more\n")
    done = octavo_here("evaluate", "-m", int8_model, "--source", files[0], "--reference", files[1])
    assert done.returncode == 2
    assert "test.en has 25 lines and test.de 26" in done.stderr.decode()
