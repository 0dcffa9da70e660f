"""Files are read up to a limit, and take no more memory than they have bytes."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from octavo.regular_file import open_regular, read_bounded, read_regular


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 102, 3 << 20])
def test_one_byte_beyond_the_limit_is_read(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(data[:size])
    assert read_regular(tmp_path / "file", 100) == data[: min(size, 101)]


def test_a_small_file_takes_little_memory_whatever_the_limit(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"a few bytes")
    (tmp_path / "packed").write_bytes(gzip.compress(b"a few bytes"))
    tracemalloc.start()
    assert read_regular(tmp_path / "plain", 1 << 30) == b"a few bytes"
    with open_regular(tmp_path / "packed") as file, gzip.open(file) as stream:
        assert read_bounded(stream, 1 << 30) == b"a few bytes"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
