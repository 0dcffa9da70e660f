"""What memory an engine takes, beside its weights, and gives back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from octavo.artifact import ModelDirectory
from octavo.engine import Engine
from octavo.model.scheme import Scheme

from ..models import tiny_config, write_tiny_model

SCRIPT = """
import gc, pathlib, sys
from octavo.artifact import ModelDirectory
from octavo.engine import Engine, SearchOptions

def resident():
    gc.collect()
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

def open_engine():
    return Engine(ModelDirectory.open(pathlib.Path(sys.argv[1])), precision="float32", threads=1)

def translate(engine, sentences, tokens):
    options = SearchOptions(beam=1, min_length=2, max_length=2)
    engine.translate([[7] * tokens] * sentences, options)

"""
WIDE = {"attention_heads": 16, "attention_head_dim": 64, "max_positions": 512}


def write(path: Path, **changes: Any) -> Path:
    return write_tiny_model(path, config=tiny_config(**WIDE | changes), scheme=Scheme.NONE)


def mib(path: Path, code: str) -> float:
    """What the code prints in a process of its own: MiB."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("resident memory is read from /proc")
    command = [sys.executable, "-c", SCRIPT + code, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_short_sentence_takes_few_pages(tmp_path: Path) -> None:
    """A page of 16 positions is 1.5 MiB here, as in NLLB-200-distilled-600M."""
    path = write(tmp_path / "deep", decoder_layers=12)
    code = "engine = open_engine(); before = resident(); translate(engine, 1, 8); print(resident() - before)"
    assert mib(path, code) < 16


def test_newcomers_are_encoded_some_at_a_time(tmp_path: Path) -> None:
    """2,000 tokens would take 48 KiB each between the encoder's products; their keys and values take 8."""
    path = write(tmp_path / "wide", ffn_dim=4096, encoder_layers=1, decoder_layers=1)
    code = (
        "engine = open_engine(); before = resident(); translate(engine, 40, 50); print(resident() - before)"
    )
    assert mib(path, code) < 56


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux keeps what was freed")
def test_a_closed_engine_gives_its_memory_back(tmp_path: Path) -> None:
    path = write(tmp_path / "large", d_model=512, ffn_dim=2048, encoder_layers=3, decoder_layers=3)
    code = (
        "translate(open_engine(), 1, 8); before = resident(); engine = open_engine(); full = resident()\n"
        "translate(engine, 40, 50); engine.close(); print((resident() - before) / (full - before))"
    )
    assert mib(path, code) < 0.2


def rows(path: Path) -> int:
    with_model = Engine(ModelDirectory.open(path), precision="float32", threads=1)
    return with_model.activity().rows


def test_large_keys_and_values_have_fewer_rows_a_stream(tmp_path: Path) -> None:
    usual = rows(write(tmp_path / "usual"))
    assert usual in (64, 128)
    assert usual // 2 <= rows(write(tmp_path / "deep", decoder_layers=12)) < usual
    assert rows(write(tmp_path / "deeper", decoder_layers=48)) == usual // 2
