"""Files of a model directory that are no files, or of a size that is none: refused, and at once."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from octavo.artifact import checksum

from ..models import write_tiny_model
from .test_model_directory import edit_config, refusal, seal


@pytest.fixture
def float_path(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "float")


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**63, 2**64 - 1])
def test_header_of_impossible_length(float_path: Path, length: int) -> None:
    path = float_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    seal(float_path)
    assert "model.safetensors: cannot read tensors (" in refusal(float_path)


def test_a_huge_file_is_not_hashed_before_its_header_is_read(
    float_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file takes no room on the disk, and minutes to read."""

    def hashed(path: Path) -> str:
        pytest.fail(f"{path} is hashed")

    monkeypatch.setattr(checksum, "_sha256", hashed)
    for name, message in (
        ("model.safetensors", "cannot read tensors ("),
        ("tokenizer.spm", "bytes; such a file has at most 67108864"),
    ):
        (float_path / name).unlink()
        with (float_path / name).open("wb") as stream:
            stream.truncate(60 << 30)
        entry = {"file": name, "bytes": 60 << 30, "sha256": "0" * 64}
        part = (
            {"tensors": entry}
            if name.startswith("model")
            else {"tokenizer": {"source": entry, "target": entry}}
        )
        edit_config(float_path, lambda values, part=part: values.update(part))  # type: ignore[misc]
        assert message in refusal(float_path)


@pytest.mark.parametrize("name", ["config.json", "quality.json", "tokenizer.spm", "model.safetensors"])
def test_a_named_pipe_is_refused_and_not_waited_for(float_path: Path, name: str) -> None:
    (float_path / name).unlink()
    os.mkfifo(float_path / name)
    message = (
        "cannot read: Not a regular file" if name.endswith("json") else "missing; the model is incomplete"
    )
    assert f"{name}: {message}" in refusal(float_path)
