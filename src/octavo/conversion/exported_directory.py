"""What every export needs: a directory that appears when it is whole, and weights in float32."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from octavo import durable
from octavo.artifact.writing import check_apart, replace_directory
from octavo.conversion.tensor_source import Array
from octavo.errors import OutputError, printable

EXPORTED_FILES: Final = frozenset(
    {
        *("config.json", "source.spm", "target.spm", "vocab.spm"),
        *("model.safetensors", "model.bin", "model.npz", "decoder.yml"),
        *("generation_config.json", "tokenizer_config.json", "vocab.json", "target_vocab.json"),
        *("shared_vocabulary.json", "source_vocabulary.json", "target_vocabulary.json"),
    }
)
"""What exports write. A directory with anything else in it is not replaced."""


@contextmanager
def exported_directory(source: Path, output: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to write into, which becomes ``output`` at the end. ``overwrite``: an older export there is
    replaced. Raises OutputError, also for an ``output`` that has something else, or the model ``source``."""
    output = Path(os.path.abspath(output))  # noqa: PTH100 (Path.resolve would follow a link at the end)
    check_apart(source, output)
    exists = output.exists() or output.is_symlink()
    if exists:
        _check_replaceable(output, overwrite)
    try:
        with durable.new_folder(output) as beside:
            yield beside
            if exists:
                durable.sync(beside)
                replace_directory(beside, output)
                durable.sync_entries(output.parent)
            else:
                durable.rename(beside, output)
    except OSError as error:
        raise OutputError(f"{output}: cannot write the model: {error.strerror or error}") from error


def _check_replaceable(output: Path, overwrite: bool) -> None:
    if not overwrite:
        raise OutputError(
            f"{output}: exists already; choose another path, or overwrite it (--overwrite, overwrite=True)"
        )
    if output.is_symlink() or not output.is_dir():
        raise OutputError(f"{output}: not a plain directory, so it is not overwritten; choose another path")
    foreign = sorted({entry.name for entry in output.iterdir()} - EXPORTED_FILES)
    if foreign:
        raise OutputError(
            f"{output}: holds {printable(foreign[0])}, which no export writes, so it is not overwritten; "
            "choose another path"
        )


def widened(tensor: Callable[[str], Array], name: str) -> Array:
    """A tensor in float32, int8 times its scales."""
    array = tensor(name)
    if array.dtype == np.int8:
        with np.errstate(over="ignore"):  # found where the array is written
            return array.astype(np.float32) * tensor(f"{name}_scale")[:, None]
    return array.astype(np.float32, copy=False)
