"""The ``octavo`` command in a process of its own, and tiny models for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from octavo.cli import main
from octavo.model.scheme import Scheme

from ..models import random_tensors, tiny_config, tiny_tokenizer, write_tiny_model

COMMAND = [sys.executable, "-W", "error", "-m", "octavo"]
PYTHONPATH = os.pathsep.join(
    str(Path(entry).resolve()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
)
ENVIRONMENT = {**os.environ, "PYTHONPATH": PYTHONPATH, "COLUMNS": "100"}

Completed = subprocess.CompletedProcess[bytes]
Octavo = Callable[..., Completed]


@pytest.fixture
def octavo(tmp_path: Path) -> Octavo:
    """Runs ``octavo`` with arguments, in ``tmp_path``; ``stdin`` is what it reads."""

    def run(*arguments: object, stdin: bytes = b"") -> Completed:
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout=120,
        )

    return run


@pytest.fixture
def octavo_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Octavo:
    """The same in this process, which is quicker; standard input is not to be read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", ENVIRONMENT["COLUMNS"])

    def run(*arguments: object) -> Completed:
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
        stdout, stderr = capfdbinary.readouterr()
        code = ended.value.code
        return subprocess.CompletedProcess(arguments, code if isinstance(code, int) else 0, stdout, stderr)

    return run


@pytest.fixture(scope="session")
def float_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "float")


@pytest.fixture(scope="session")
def int8_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "int8", scheme=Scheme.INT8_DYNAMIC)


@pytest.fixture(scope="session")
def bytes_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 model that may say any byte, line feeds and halves of characters too, and often ends early."""
    directory = tmp_path_factory.mktemp("models")
    config = tiny_config(source_vocab_size=320, target_vocab_size=320, output_bias=True, encoder_layers=1)
    tensors = random_tensors(config, Scheme.INT8_DYNAMIC)
    tensors["output.bias"] = np.zeros(320, np.float32)
    tensors["output.bias"][config.eos_id] = 3.0
    tokenizer = tiny_tokenizer(directory / "bytes.spm", 320, byte_fallback=True)
    return write_tiny_model(
        directory / "bytes",
        config=config,
        scheme=Scheme.INT8_DYNAMIC,
        tensors=tensors,
        tokenizer_files=(tokenizer, tokenizer),
    )
