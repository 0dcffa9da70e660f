"""The weights of a Hugging Face model directory, as arrays by name."""

from __future__ import annotations

import reprlib
import textwrap
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from octavo import interrupt
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
        if path.is_file():
            return cls(path, _read_safetensors(path))
        if (directory / PICKLED).is_file():
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
                interrupt.check()
                _check_type(path, name, stream.get_slice(name).get_dtype())
                found[name] = stream.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, str(error)) from error
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
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except Exception as error:  # a damaged pickle may lead torch.load to any
        raise _unreadable(path, str(error) or type(error).__name__) from error
    if not isinstance(tensors, dict) or not all(isinstance(name, str) for name in tensors):
        raise _unreadable(path, f"it holds {type(tensors).__name__}, not tensors by name")
    found = {}
    for name, tensor in tensors.items():
        interrupt.check()
        if not isinstance(tensor, torch.Tensor):
            raise _unreadable(path, f"{reprlib.repr(name)} is {type(tensor).__name__}, not a tensor")
        kind = {torch.float32: "F32", torch.float16: "F16"}.get(tensor.dtype, str(tensor.dtype))
        layout = "" if tensor.layout is torch.strided else f" {tensor.layout}"
        try:
            _check_type(path, name, f"{kind}{layout}")
            found[name] = np.asarray(tensor.numpy())
        except (TypeError, RuntimeError) as error:  # a tensor without values, or nested
            raise _unreadable(path, f"{reprlib.repr(name)}: {error}") from error
    return found


def _unreadable(path: Path, reason: str) -> ConversionError:
    return ConversionError(
        f"{path}: cannot read tensors ({textwrap.shorten(reason, 200)}); copy the file again"
    )


def _check_type(path: Path, name: str, kind: str) -> None:
    if kind not in _FLOATS:
        raise ConversionError(
            f"{path}: tensor {name} is {kind}; load the model with Transformers and save it in float32"
        )
