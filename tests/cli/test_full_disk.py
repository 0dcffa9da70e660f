"""A disk that takes no more is the user's to mend: exit 2, the name of what was not written, nothing left."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest

from ..conversion.marian import marian_config, write_marian
from .conftest import COMMAND, ENVIRONMENT

MOST_BYTES = 4096


def limit_files() -> None:
    """A limit to the size of a file stands for the end of a disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))


@pytest.mark.parametrize(
    "arguments",
    [
        ("quantize", "model", "--output", "out"),
        ("export", "model", "--to", "huggingface", "--output", "out"),
        ("convert", "theirs", "--output", "out"),
        ("shortlist", "model", "--source", "text", "--output", "out"),
        ("translate", "--model", "model", "--input", "text", "--output", "out"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_full_disk(tmp_path: Path, float_model: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "model").symlink_to(float_model)
    write_marian(tmp_path / "theirs", marian_config())
    (tmp_path / "text").write_text("Bako tire sal.\n" * 1000, encoding="utf-8")
    before = {*tmp_path.iterdir()}
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=ENVIRONMENT | {"TMPDIR": str(tmp_path)},
        preexec_fn=limit_files,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert "out" in last or "source.spm" in last
    assert "cannot " in last
    assert "File too large" in last
    left = {*tmp_path.iterdir()} - before
    assert left <= {tmp_path / "out.partial", tmp_path / ".out.shortlist"}, "work that is done, to go on from"
