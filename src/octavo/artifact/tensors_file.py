"""model.safetensors: exactly the tensors of the spec, each checked before it is used."""

from __future__ import annotations

import json
import reprlib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from octavo import interrupt
from octavo.errors import ModelError
from octavo.model.integer_format import WEIGHT_LIMITS, Limits
from octavo.model.sublayers import TensorKind
from octavo.model.tensor_table import DType, TensorSpec

Array: TypeAlias = npt.NDArray[Any]

_DTYPES: Final = {
    np.dtype("<f4"): DType.F32,
    np.dtype("<f2"): DType.F16,
    np.dtype("i1"): DType.I8,
    np.dtype("<i2"): DType.I16,
    np.dtype("<i4"): DType.I32,
}
_FILE_ORDER: Final = (DType.F32, DType.I32, DType.F16, DType.I16, DType.I8)
"""Of types in a file, as the safetensors library has it."""
_HEADER_ALIGNMENT: Final = 8
_HALF_BITS: Final = 16
_LOWER_HALF: Final = (1 << _HALF_BITS) - 1


class TensorsFile:
    """Reads tensors one at a time, so that the file is never in memory as a whole."""

    def __init__(self, path: Path, specs: Sequence[TensorSpec]) -> None:
        self._path = path
        self._specs = {spec.name: spec for spec in specs}

    def check_header(self) -> None:
        """Names, types and shapes against the specs, and the file's size against them. Raises ModelError."""
        with self._reading(), self._open() as stream:
            self._refuse(_names_problem(self._specs, stream.keys()))
            for spec in self._specs.values():
                self._check_type(stream, spec)

    def check_values(self, problem: Callable[[Callable[[str], Array]], str | None] | None = None) -> None:
        """Every value against the specs, and then by ``problem``, which gets a function from a name to its
        array and says what is wrong. The header is checked. Raises ModelError."""
        with self._reading(), self._open() as stream:
            for spec in self._specs.values():
                self._refuse(_values_problem(spec, stream.get_tensor(spec.name)))
            if problem:
                self._refuse(problem(lambda name: _widened(self._specs[name], stream.get_tensor(name))))

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Array]]:
        """Name and array, short forms widened. Raises ModelError where the file has changed."""
        with self.reader() as tensor:
            for name in names:
                yield name, tensor(name)

    @contextmanager
    def reader(self) -> Iterator[Callable[[str], Array]]:
        """Opens the file once and gives a function from a name to its array, short forms widened."""
        with self._reading():
            opened = self._open()
        with opened as stream:  # what its user raises is no failure of reading

            def tensor(name: str) -> Array:
                interrupt.check()
                with self._reading():
                    self._check_type(stream, self._specs[name])
                    return _widened(self._specs[name], stream.get_tensor(name))

            yield tensor

    def types(self) -> dict[str, DType]:
        """Name and type on disk of every tensor."""
        with self._reading(), self._open() as stream:
            return {name: DType(stream.get_slice(name).get_dtype()) for name in self._specs}

    def _open(self) -> Any:
        # Read, not mapped: a file cut short under us is then an error and not a SIGBUS.
        return safe_open(self._path, framework="numpy", backend="pread")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Failures to read as ModelError."""
        try:
            yield
        except (SafetensorError, OSError) as error:
            reason = textwrap.shorten(str(error), 200)
            raise ModelError(f"{self._path}: cannot read tensors ({reason}); copy the file again") from error

    def _check_type(self, stream: Any, spec: TensorSpec) -> None:
        view = stream.get_slice(spec.name)
        self._refuse(_type_problem(spec, view.get_dtype(), tuple(view.get_shape())))

    def _refuse(self, problem: str | None) -> None:
        if problem:
            raise ModelError(f"{self._path}: {problem}")


def write_tensors(path: Path, specs: Sequence[TensorSpec], tensors: Mapping[str, Array]) -> None:
    """Write exactly the specs' tensors, I32 as I16 where that loses nothing and the spec has it.

    Each is taken from ``tensors`` twice, one at a time. Raises ModelError for one that breaks its spec.
    """
    by_name = {spec.name: spec for spec in specs}
    if problem := _names_problem(by_name, tensors):
        raise ModelError(f"{path.name}: {problem}")
    save_tensors(_Checked(path.name, by_name, tensors), path)


class _Checked(Mapping[str, Array]):
    """Tensors in their stored forms, each checked when it is taken."""

    def __init__(self, file: str, specs: Mapping[str, TensorSpec], tensors: Mapping[str, Array]) -> None:
        self._file = file
        self._specs = specs
        self._tensors = tensors

    def __getitem__(self, name: str) -> Array:
        spec, array = self._specs[name], self._tensors[name]
        dtype = str(_DTYPES.get(array.dtype, array.dtype))
        problem = _type_problem(spec, dtype, array.shape) or _values_problem(spec, array)
        if problem:
            raise ModelError(f"{self._file}: {problem}")
        return stored_form(spec, array)

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)


def save_tensors(
    tensors: Mapping[str, Array], path: Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write the safetensors file that ``safetensors.numpy.save_file`` does, byte for byte, with one tensor in
    memory at a time; each is taken from ``tensors`` twice. Raises OSError.
    """
    forms = {}
    for name in tensors:
        array = tensors[name]
        forms[name] = _DTYPES[array.dtype], array.shape, array.nbytes
    order = sorted(forms, key=lambda name: (_FILE_ORDER.index(forms[name][0]), name))
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name in order:
        dtype, shape, size = forms[name]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end := end + size]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _HEADER_ALIGNMENT)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(_HEADER_ALIGNMENT, "little") + text)
        for name in order:
            interrupt.check()
            stream.write(np.ascontiguousarray(tensors[name]).data)


def stored_form(spec: TensorSpec, array: Array) -> Array:
    """The array as it is written: I32 as its upper half where the spec has I16 and the lower is 0."""
    if DType.I16 in spec.dtypes and array.dtype == np.int32 and not (array & _LOWER_HALF).any():
        return (array >> _HALF_BITS).astype(np.int16)
    return array


def _widened(spec: TensorSpec, array: Array) -> Array:
    """The array as it is used: of the spec's first type, where it is stored in a shorter form."""
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype == np.int16 and DType.I32 in spec.dtypes:
        return array.astype(np.int32) << _HALF_BITS
    return array


def _names_problem(specs: Mapping[str, TensorSpec], found: Mapping[str, Any] | Sequence[str]) -> str | None:
    if missing := sorted(set(specs) - set(found)):
        return f"tensor {missing[0]} is missing ({len(missing)} in all); the file is of another model"
    if unexpected := sorted(set(found) - set(specs)):
        name = reprlib.repr(unexpected[0])
        return f"tensor {name} is unexpected ({len(unexpected)} in all); the file is of another model"
    return None


def _type_problem(spec: TensorSpec, dtype: str, shape: tuple[int, ...]) -> str | None:
    if dtype not in spec.dtypes:
        return f"tensor {spec.name} is {dtype}; it must be {' or '.join(spec.dtypes)}"
    if shape != spec.shape:
        return f"tensor {spec.name} has shape {list(shape)}; config.json implies {list(spec.shape)}"
    return None


def _values_problem(spec: TensorSpec, stored: Array) -> str | None:
    array = _widened(spec, stored) if stored.dtype.kind == "i" else stored
    if spec.limits and not (spec.limits[0] <= array.min() and array.max() <= spec.limits[1]):
        return _limits_problem(spec, spec.limits, array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"tensor {spec.name} holds NaN or infinity; the training or the conversion went wrong"
    if spec.kind is TensorKind.SCALE and array.min() < 0:
        return f"tensor {spec.name} holds a negative scale; scales are zero or more"
    return None


def _limits_problem(spec: TensorSpec, limits: Limits, array: Array) -> str:
    name, (least, most) = spec.name, limits
    if array.dtype == np.int8 and limits == WEIGHT_LIMITS:
        return f"tensor {name} holds -128; int8 weights go from -127 to 127"
    if spec.kind is TensorKind.MULTIPLIER and (array == 0).any():
        return f"tensor {name} holds 0, a scale of zero; multipliers go from {least} to {most}"
    found = array.min() if array.min() < least else array.max()
    return f"tensor {name} holds {found}; it must be from {least} to {most}"
