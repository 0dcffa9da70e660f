"""What every export needs: a directory that appears when it is whole, and weights in float32."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from octavo import durable
from octavo.conversion.tensor_source import Array
from octavo.errors import OutputError


@contextmanager
def exported_directory(output: str | Path) -> Iterator[Path]:
    """A folder to write into, which becomes ``output`` at the end. Raises OutputError, also where there is
    something at ``output``."""
    output = Path(os.path.abspath(output))  # noqa: PTH100 (Path.resolve would follow a link at the end)
    if output.exists() or output.is_symlink():
        raise OutputError(f"{output}: exists already; choose another path")
    try:
        with durable.new_folder(output) as beside:
            yield beside
            durable.rename(beside, output)
    except OSError as error:
        raise OutputError(f"{output}: cannot write the model: {error.strerror or error}") from error


def widened(tensor: Callable[[str], Array], name: str) -> Array:
    """A tensor in float32, int8 times its scales."""
    array = tensor(name)
    if array.dtype == np.int8:
        with np.errstate(over="ignore"):  # found where the array is written
            return array.astype(np.float32) * tensor(f"{name}_scale")[:, None]
    return array.astype(np.float32, copy=False)
