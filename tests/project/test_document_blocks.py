"""Every command and program of the documents runs as it stands, in a folder of small files.

A block that cannot run in a test has a comment before it, ``<!-- not run: REASON -->``. They are counted.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from octavo.conversion import export_ctranslate2
from octavo.model.scheme import Scheme

from ..conversion.marian import marian_config, write_marian
from ..conversion.marian_npz import write_model as write_npz_model
from ..conversion.test_argos import write_folder, zipped
from ..models import integer_config, language_config, synthetic_sentences, tiny_config, write_tiny_model
from .document_blocks import DOCUMENTS, LANGUAGES, ROOT, Block, blocks_of, label, without_blocks

NOT_RUN = 47
RUN = ("bash", "python")
NEED_TORCH = r"octavo train|--engine pytorch|my-integers"
LONG = {"max_positions": 256, "encoder_layers": 1, "decoder_layers": 1}
TMX = """<tmx version="1.4"><header/><body><tu>
<tuv xml:lang="en-GB"><seg>Good morning.</seg></tuv><tuv xml:lang="de"><seg>Guten Morgen.</seg></tuv>
</tu></body></tmx>"""


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_every_block_is_fenced_and_says_its_language(document: Path) -> None:
    assert {block.language for block in blocks_of(document)} <= set(LANGUAGES)
    assert re.findall(r"(?<=\n\n) {4,}(?![*\d])\S.*", without_blocks(document)) == []


def test_blocks_that_are_not_run_are_counted() -> None:
    marked = [f"{label(d)}:{b.line}: {b.reason}" for d in DOCUMENTS for b in blocks_of(d) if b.reason]
    assert len(marked) == NOT_RUN, "\n".join(marked)


@pytest.mark.parametrize("document", DOCUMENTS, ids=label)
def test_data_in_blocks_is_whole(document: Path) -> None:
    for block in blocks_of(document):
        if block.language in ("json", "toml"):
            (json if block.language == "json" else tomllib).loads(block.code)


@pytest.fixture(scope="module")
def supplies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files and tiny models under the names that the documents use."""
    place = tmp_path_factory.mktemp("supplies")
    names = ("train.en", "train.de", "dev.en", "dev.de", "test.en", "test.de", "val.en", "val.de")
    for seed, name in enumerate((*names, "input.txt", "test.txt", "prompts.txt", "corpora/lm/valid.txt")):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in synthetic_sentences(30, seed)), encoding="utf-8")
    for path in ("my-model", "runs/en-de/model"):
        write_tiny_model(place / path, config=tiny_config(**LONG))
    write_tiny_model(place / "my-int8", scheme=Scheme.INT8_DYNAMIC, config=tiny_config(**LONG))
    for path in ("my-lm", "runs/lm/model"):
        write_tiny_model(place / path, config=language_config(max_positions=256))
    for path in ("my-integer-transformer", "runs/integer/model"):
        write_tiny_model(place / path, config=integer_config(**LONG))
    decoder = {"encoder_layers": 0, "shared_embeddings": False, "decoder_start_id": 3}
    write_tiny_model(
        place / "runs/lm-integer/model", config=integer_config(**LONG | decoder), target_language="en"
    )
    write_marian(place / "opus-mt-en-de", marian_config())
    write_npz_model(place / "ende")
    package = place / "package"
    package.mkdir()
    zipped(write_folder(package)).rename(place / "translate-en_de-1_5.argosmodel")
    shutil.rmtree(package)
    export_ctranslate2(place / "my-int8", place / "opus-mt-en-de-ct2-int8", dtype="int8")
    (place / "project.tmx").write_text(TMX, encoding="utf-8")
    return place


@pytest.fixture
def place(supplies: Path, tmp_path: Path) -> Path:
    """A copy of the supplies, with the project's own folders and the command ``octavo``."""
    folder = tmp_path / "place"
    shutil.copytree(supplies, folder)
    for name in ("benchmarks", "models", "recipes", "tools"):
        (folder / name).symlink_to(ROOT / name)
    commands = folder / "commands"
    commands.mkdir()
    for name, module in (("octavo", "-m octavo"), ("python", "")):
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    return folder


def command_of(block: Block) -> list[str]:
    if block.language == "bash":
        return ["bash", "-euo", "pipefail", "-c", block.code]
    return [sys.executable, "-W", "error", "-c", block.code]


def prepare(block: Block, place: Path) -> None:
    """Give way to what the block writes; write the file that it is: ``# NAME.toml`` in its first line."""
    for written in re.findall(r"(?:--output|-o) (\S+)", block.code) if block.language == "bash" else ():
        path = place / written
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
    if block.language == "toml" and (name := re.match(r"# (\S+\.toml)\n", block.code)):
        (place / name[1]).write_text(block.code, encoding="utf-8")


def environment(place: Path) -> dict[str, str]:
    entries = [Path(entry).resolve() for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(place / "commands"), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(map(str, entries)),
        "COLUMNS": "100",
        "OCTAVO_MODELS": str(place / "installed"),
        "TERM": "dumb",
    }


@pytest.mark.parametrize(
    "document",
    [d for d in DOCUMENTS if any(b.language in RUN and not b.reason for b in blocks_of(d))],
    ids=label,
)
def test_blocks_run(document: Path, place: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("the documents' commands need bash")
    code = "".join(block.code for block in blocks_of(document) if not block.reason)
    if re.search(NEED_TORCH, code) and importlib.util.find_spec("torch") is None:
        pytest.skip("what this document says needs octavo[train]")
    for block in blocks_of(document):
        if block.reason:
            continue
        prepare(block, place)
        if block.language not in RUN:
            continue
        done = subprocess.run(
            command_of(block),
            cwd=place,
            env=environment(place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, (
            f"{label(document)}:{block.line}\n{block.code}\n{done.stdout}\n{done.stderr}"
        )
