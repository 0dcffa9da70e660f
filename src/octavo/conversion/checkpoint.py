"""The weights of a Hugging Face model directory, as arrays by name."""

from __future__ import annotations

import pickle
import textwrap
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from octavo.conversion.errors import ConversionError

Array: TypeAlias = npt.NDArray[Any]

SAFETENSORS: Final = "model.safetensors"
PICKLED: Final = "pytorch_model.bin"
_INDEX: Final = f"{SAFETENSORS}.index.json"
_FLOATS: Final = ("F32", "F16")


class Checkpoint:
    """Tensors by the names that Transformers gives them, all float32 or float16; ``path`` is their file."""

    def __init__(self, path: Path, tensors: dict[str, Array]) -> None:
        self.path = path
        self.tensors = tensors

    @classmethod
    def read(cls, directory: Path) -> Checkpoint:
        """Read model.safetensors, else pytorch_model.bin, for which PyTorch must be there.

        Raises ConversionError, naming the file, where it is missing, truncated or of other types.
        """
        path = directory / SAFETENSORS
        if path.exists():
            return cls(path, _read_safetensors(path))
        if (directory / PICKLED).exists():
            return cls(directory / PICKLED, _read_pickled(directory / PICKLED))
        if (directory / _INDEX).exists():
            raise ConversionError(
                f"{directory / _INDEX}: the weights are in several files; load the model with Transformers "
                "and save it with max_shard_size='100GB'"
            )
        raise ConversionError(f"{path}: missing, and {PICKLED} too; copy the whole model directory")

    def take(self, name: str, shape: tuple[int, ...]) -> Array | None:
        """The tensor, None where there is none. Raises ConversionError where its shape is another."""
        array = self.tensors.get(name)
        if array is not None and array.shape != shape:
            raise ConversionError(
                f"{self.path}: tensor {name} has shape {list(array.shape)}; config.json implies {list(shape)}"
            )
        return array


def _read_safetensors(path: Path) -> dict[str, Array]:
    found: dict[str, Array] = {}
    try:
        with safe_open(path, framework="numpy", backend="pread") as stream:
            for name in stream.keys():  # noqa: SIM118 - no mapping, though it has keys
                _check_type(path, name, stream.get_slice(name).get_dtype())
                found[name] = stream.get_tensor(name)
    except (SafetensorError, OSError) as error:
        reason = textwrap.shorten(str(error), 200)
        raise ConversionError(f"{path}: cannot read tensors ({reason}); copy the file again") from error
    return found


def _read_pickled(path: Path) -> dict[str, Array]:
    try:
        import torch
    except ImportError as error:
        raise ConversionError(
            f"{path}: reading it needs PyTorch: pip install 'octavo[train]', or use a {SAFETENSORS}"
        ) from error
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        found = {}
        for name, tensor in tensors.items():
            kind = {torch.float32: "F32", torch.float16: "F16"}.get(tensor.dtype, str(tensor.dtype))
            _check_type(path, name, kind)
            found[name] = np.asarray(tensor.numpy())
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, AttributeError) as error:
        reason = textwrap.shorten(str(error), 200)
        raise ConversionError(f"{path}: cannot read tensors ({reason}); copy the file again") from error
    return found


def _check_type(path: Path, name: str, kind: str) -> None:
    if kind not in _FLOATS:
        raise ConversionError(
            f"{path}: tensor {name} is {kind}; load the model with Transformers and save it in float32"
        )
