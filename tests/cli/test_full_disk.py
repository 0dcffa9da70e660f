"""A disk that is full while a command writes: exit code 2, the file and the reason, and nothing half-written.

A limit on the size of files stands for the disk.
"""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path

import pytest

from ..conversion.marian import marian_config, write_marian
from ..models import synthetic_sentences, tiny_config, write_tiny_model
from .conftest import COMMAND, ENVIRONMENT
from .test_bad_input import message

ROOM = 2000


def fill_the_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.mark.parametrize(
    "arguments",
    [
        "quantize float -o out",
        "quantize float --calibrate text -o out",
        "shortlist float --source text -o out",
        "convert marian -o out",
        "export float --to huggingface -o out",
        "translate -m float -i text -o out",
        "evaluate -m float --source text --reference text -o out",
    ],
)
def test_what_does_not_fit_is_told_and_leaves_nothing(tmp_path: Path, arguments: str) -> None:
    write_tiny_model(tmp_path / "float", config=tiny_config(max_positions=256))
    write_marian(tmp_path / "marian", marian_config())
    (tmp_path / "text").write_text("".join(f"{text}\n" for text in synthetic_sentences(60)))
    done = subprocess.run(
        [*COMMAND, *arguments.split()],
        capture_output=True,
        cwd=tmp_path,
        env=ENVIRONMENT,
        preexec_fn=fill_the_disk,
        check=False,
    )
    shown = message(done)
    assert "File too large" in shown
    assert re.search(r"cannot write \S*(out|\.spm)|\bout: cannot (write|be written)", shown), shown
    assert not (tmp_path / "out").exists()
