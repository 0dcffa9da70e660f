"""The file of tensors is the one that the safetensors library writes, made with one tensor in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from octavo.artifact.tensors_file import save_tensors

TYPES = (np.float32, np.int8, np.float16, np.int16, np.int32)


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
@pytest.mark.parametrize("count", [0, 1, 5, 40])
def test_the_bytes_are_the_library_s(tmp_path: Path, count: int, metadata: dict[str, str] | None) -> None:
    tensors = {
        f"x.{i * 7 % 40}.größe": np.arange(i * 3 % 11, dtype=TYPES[i % 5]).reshape(-1, 1)
        for i in range(count)
    }
    save_tensors(tensors, tmp_path / "ours", metadata=metadata)
    save_file(tensors, tmp_path / "theirs", metadata=metadata)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_a_view_is_stored_in_order(tmp_path: Path) -> None:
    turned = np.arange(6, dtype=np.float32).reshape(2, 3).T
    save_tensors({"a": turned, "b": np.float32(3).reshape(())}, tmp_path / "x")
    np.testing.assert_array_equal(load_file(tmp_path / "x")["a"], turned)


def test_one_tensor_is_alive_at_a_time(tmp_path: Path) -> None:
    class Counting(Mapping[str, np.ndarray]):
        alive = most = 0

        def __getitem__(self, name: str) -> np.ndarray:
            class Array(np.ndarray):
                def __del__(self) -> None:
                    Counting.alive -= 1

            Counting.alive += 1
            Counting.most = max(Counting.most, Counting.alive)
            return np.zeros(8, np.float32).view(Array)

        def __iter__(self) -> Iterator[str]:
            return iter("abcdefgh")

        def __len__(self) -> int:
            return 8

    save_tensors(Counting(), tmp_path / "x")
    assert Counting.most <= 3
