"""A converted model translates as Transformers' ``generate`` does, token for token."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import convert, export
from octavo.engine import Engine, SearchOptions
from octavo.model.config import Activation, ModelConfig, NormPlacement, Positions
from octavo.model.search import Stop

from ..models import synthetic_sentences, tiny_config, write_tiny_model
from .marian import check_translations, lively_tensors, marian_config, write_marian

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    transformers = pytest.importorskip(
        "transformers", reason="comparing with Transformers needs octavo[peers]"
    )

pytestmark = pytest.mark.filterwarnings("ignore")  # Transformers' own

CONFIGS = {
    "no bias": marian_config(),
    "shared": marian_config(output_bias=True),
    "no scale, gelu": marian_config(output_bias=True, scale_embeddings=False, activation=Activation.GELU),
    "bad words": marian_config(
        output_bias=True, suppressed_ids=(3, 7, 11, 40, 179), activation=Activation.SILU
    ),
    "separate": marian_config(
        source_vocab_size=140, target_vocab_size=125, shared_embeddings=False, output_bias=True
    ),
    "separate, untied": marian_config(
        source_vocab_size=140,
        target_vocab_size=125,
        shared_embeddings=False,
        tied_output=False,
        output_bias=True,
        activation=Activation.SILU,
    ),
}

SENTENCES = synthetic_sentences(40, seed=9)


class Peer:
    """Transformers' model and tokenizer of a directory."""

    def __init__(self, path: Path) -> None:
        torch.set_num_threads(1)
        self.model, info = transformers.AutoModelForSeq2SeqLM.from_pretrained(path, output_loading_info=True)
        assert not info["unexpected_keys"] and not info["mismatched_keys"]
        assert all("embed_positions" in key for key in info["missing_keys"])
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(path)
        assert isinstance(self.tokenizer, transformers.MarianTokenizer)
        self.eos = self.model.config.eos_token_id

    def ids(self, lines: Sequence[str]) -> list[list[int]]:
        """Source tokens with EOS."""
        return [self.tokenizer(line).input_ids for line in lines]

    def generate(self, sources: Sequence[list[int]], **options: Any) -> list[list[int]]:
        """Target tokens without start and EOS."""
        batch = self.tokenizer.pad({"input_ids": list(sources)}, return_tensors="pt")
        with torch.no_grad():
            rows = self.model.generate(**batch, **options).tolist()
        return [row[1 : row.index(self.eos, 1) if self.eos in row[1:] else None] for row in rows]


def translate(model: ModelDirectory, sources: Sequence[list[int]], **options: Any) -> list[list[int]]:
    """Our target tokens; ``sources`` with EOS."""
    engine = Engine(model, precision="float32", threads=1)
    arrays = [np.array(source[:-1], np.int32) for source in sources]
    found = engine.translate(arrays, SearchOptions.from_defaults(model.search, **options))
    return [hypotheses[0].tokens.tolist() for hypotheses in found]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_converted_model_is_generate(config: ModelConfig, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", config)
    convert(theirs.path, tmp_path / "ours")
    ours, peer = ModelDirectory.open(tmp_path / "ours"), Peer(theirs.path)
    peer.model.generation_config.forced_eos_token_id = None  # it alters a cut translation's last token
    sources = peer.ids(SENTENCES)
    for beam in (1, 4, 6):
        expected = peer.generate(sources, num_beams=beam, early_stopping=beam > 1, max_length=31)
        check_translations(translate(ours, sources, beam=beam, max_length=30), expected, longest=30)
        assert len({tuple(row) for row in expected}) > 3
        assert not config.output_bias or len(set(map(len, expected))) > 2  # they end of themselves


@pytest.mark.parametrize("size", [1, 2, 3])
def test_ngrams_that_may_not_repeat_are_those_of_generate(size: int, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", CONFIGS["shared"])
    convert(theirs.path, tmp_path / "ours")
    ours, peer = ModelDirectory.open(tmp_path / "ours"), Peer(theirs.path)
    peer.model.generation_config.forced_eos_token_id = None
    sources = peer.ids(SENTENCES)
    for beam in (1, 4):
        options = {"num_beams": beam, "early_stopping": beam > 1, "max_length": 31}
        expected = peer.generate(sources, no_repeat_ngram_size=size, **options)
        assert translate(ours, sources, beam=beam, max_length=30, no_repeat_ngram=size) == expected
        assert expected != peer.generate(sources, **options)


@pytest.mark.parametrize(
    ("early_stopping", "stop"),
    [(True, Stop.FULL), (False, Stop.HEURISTIC), ("never", Stop.EXHAUSTIVE)],
    ids=["True", "False", "never"],
)
def test_searches_stop_as_in_generate(early_stopping: bool | str, stop: Stop, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", CONFIGS["shared"])
    convert(theirs.path, tmp_path / "ours")
    ours, peer = ModelDirectory.open(tmp_path / "ours"), Peer(theirs.path)
    peer.model.generation_config.forced_eos_token_id = None
    sources = peer.ids(SENTENCES[:25])
    found = []
    for penalty in (0.0, 1.0, 2.0):
        options = {"num_beams": 4, "length_penalty": penalty, "max_length": 31}
        expected = peer.generate(sources, early_stopping=early_stopping, **options)
        given = {"beam": 4, "length_penalty": penalty, "max_length": 30}
        assert translate(ours, sources, stop=stop, **given) == expected
        found.append((expected, translate(ours, sources, stop=Stop.FULL, **given)))
    assert (stop is Stop.FULL) == all(theirs == full for theirs, full in found)


def test_repetition_is_penalized_as_in_greedy_generate(tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", CONFIGS["shared"])
    convert(theirs.path, tmp_path / "ours")
    ours, peer = ModelDirectory.open(tmp_path / "ours"), Peer(theirs.path)
    peer.model.generation_config.forced_eos_token_id = None
    sources = peer.ids(SENTENCES)
    for penalty in (1.3, 0.8):
        expected = peer.generate(sources, num_beams=1, repetition_penalty=penalty, max_length=31)
        found = translate(ours, sources, beam=1, max_length=30, repetition_penalty=penalty)
        assert found == expected
        assert found != peer.generate(sources, num_beams=1, max_length=31)


@pytest.mark.parametrize("beam", [1, 4])
def test_a_forced_first_token_is_that_of_generate(beam: int, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", CONFIGS["shared"])
    convert(theirs.path, tmp_path / "ours")
    ours, peer = ModelDirectory.open(tmp_path / "ours"), Peer(theirs.path)
    sources = peer.ids(SENTENCES)
    options = SearchOptions.from_defaults(ours.search, beam=beam, max_length=30)
    found = Engine(ours, precision="float32", threads=1).translate(
        [np.array(source[:-1], np.int32) for source in sources],
        options,
        target_prefixes=[np.array([77], np.int32)] * len(sources),
    )
    for source, hypotheses in zip(sources, found, strict=True):
        with torch.no_grad():
            made = peer.model.generate(
                torch.tensor([source]),
                num_beams=beam,
                early_stopping=beam > 1,
                max_length=31,
                forced_bos_token_id=77,
                forced_eos_token_id=None,
                return_dict_in_generate=True,
                output_scores=True,
            )
        row = made.sequences[0].tolist()
        ours_row = hypotheses[0].tokens.tolist()
        assert row[1 : 1 + len(ours_row)] == ours_row
        assert ours_row[0] == 77
        if beam > 1:
            assert hypotheses[0].score == pytest.approx(made.sequences_scores[0].item(), abs=1e-5)


@pytest.mark.parametrize("config", [CONFIGS["shared"], CONFIGS["separate"]], ids=["shared", "separate"])
def test_what_transformers_saves_converts(config: ModelConfig, tmp_path: Path) -> None:
    theirs = write_marian(tmp_path / "theirs", config)
    peer = Peer(theirs.path)
    for part in (peer.model, peer.tokenizer):
        part.save_pretrained(tmp_path / "saved")
    for name in ("theirs", "saved"):
        convert(tmp_path / name, tmp_path / f"{name}-ours")
    first, second = (ModelDirectory.open(tmp_path / f"{name}-ours") for name in ("theirs", "saved"))
    assert first.config == second.config
    for name, array in first.tensors():
        np.testing.assert_array_equal(array, second.tensor(name))


POST = tiny_config(max_positions=128, norm=NormPlacement.POST, output_bias=True)

EXPORTED = {
    "pre-norm": tiny_config(max_positions=128, output_bias=True),
    "pre-norm, untied": tiny_config(max_positions=128, tied_output=False, activation=Activation.GELU),
    "pre-norm, learned": tiny_config(
        max_positions=128, positions=Positions.LEARNED, position_offset=2, scale_embeddings=False
    ),
    "post-norm": POST,
    "post-norm, untied": dataclasses.replace(POST, tied_output=False, activation=Activation.SILU),
    "post-norm, separate": dataclasses.replace(POST, shared_embeddings=False, target_vocab_size=110),
    "post-norm, interleaved": dataclasses.replace(POST, positions=Positions.INTERLEAVED, output_bias=False),
    "post-norm, from EOS": dataclasses.replace(POST, decoder_start_id=3, positions=Positions.LEARNED),
}


@pytest.mark.parametrize("config", EXPORTED.values(), ids=EXPORTED)
def test_an_exported_model_generates_the_same(config: ModelConfig, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "ours", config=config, tensors=lively_tensors(config, eos_bias=2.0))
    export(tmp_path / "ours", tmp_path / "theirs")
    convert(tmp_path / "theirs", tmp_path / "again")
    peer = Peer(tmp_path / "theirs")
    peer.model.generation_config.forced_eos_token_id = None
    ours, again = (ModelDirectory.open(tmp_path / name) for name in ("ours", "again"))
    sources = peer.ids(SENTENCES)
    tokenizer, target = ours.tokenizers()
    assert sources == [[*tokenizer.encode(line), config.eos_id] for line in SENTENCES]
    for beam in (1, 4):
        expected = translate(ours, sources, beam=beam, max_length=30, length_ratio=0.0, length_margin=30)
        assert translate(again, sources, beam=beam, max_length=30) == expected
        options = {"early_stopping": False} if beam == 1 else {}
        assert peer.generate(sources, num_beams=beam, max_length=31, **options) == expected
    texts = peer.tokenizer.batch_decode(expected, skip_special_tokens=True)
    assert texts == [target.decode(row) for row in expected]
    assert len({tuple(row) for row in expected}) > 3
