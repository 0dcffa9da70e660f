"""How each of our tensors is made of another program's: by name, with simple steps, when it is asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from octavo.conversion.errors import ConversionError
from octavo.conversion.tensor_source import Array, TensorSource
from octavo.model.tensor_table import TensorSpec

Shape: TypeAlias = tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """How one of our tensors is made: of the tensors ``reads`` of theirs, by ``make``.

    ``shape`` says, without reading values, which shape comes out; None where only ``make`` knows.
    """

    reads: tuple[str, ...]
    make: Callable[[TensorSource], Array]
    shape: Callable[[TensorSource], Shape] | None = None

    def transposed(self) -> Origin:
        """Rows and columns exchanged."""
        return self._then(lambda array: array.T, lambda shape: shape[::-1])

    def flat(self) -> Origin:
        """One dimension, as for a bias that is stored as [1, channels]."""
        return self._then(lambda array: array.reshape(-1), lambda shape: (math.prod(shape),))

    def rows(self, start: int, stop: int) -> Origin:
        """The rows from ``start`` to before ``stop``, as of a matrix that holds several of ours."""
        return self._then(
            lambda array: array[start:stop], lambda shape: (len(range(*shape[:1])[start:stop]), *shape[1:])
        )

    def with_rows(self, count: int, value: float) -> Origin:
        """``count`` rows of one value at the end, as for a token that only we have."""
        return self._then(
            lambda array: np.pad(array, [(0, count), *[(0, 0)] * (array.ndim - 1)], constant_values=value),
            lambda shape: (shape[0] + count, *shape[1:]),
        )

    def scaled(self, factor: float) -> Origin:
        """Every value times ``factor``, in float32."""
        return self._then(
            lambda array: array.astype(np.float32, copy=False) * np.float32(factor), lambda shape: shape
        )

    def _then(self, step: Callable[[Array], Array], shape_step: Callable[[Shape], Shape]) -> Origin:
        make, shape = self.make, self.shape
        return Origin(
            self.reads,
            lambda source: step(make(source)),
            (lambda source: shape_step(shape(source))) if shape else None,
        )


def same(name: str) -> Origin:
    """The tensor ``name`` of theirs, as it is."""
    return Origin((name,), lambda source: source.read(name), lambda source: source.shape(name))


def zeros(*shape: int) -> Origin:
    """Zeros, as for a bias that the model does not have."""
    return Origin((), lambda _: np.zeros(shape, np.float32), lambda _: shape)


def computed(make: Callable[[], Array], *reads: str) -> Origin:
    """What ``make`` gives; ``reads`` are the tensors of theirs that it uses, if any."""
    return Origin(reads, lambda _: make())


class MappedTensors(Mapping[str, Array]):
    """The tensors of ``specs``, each made by its origin when it is asked for.

    ``unread``: tensors of the source that are left out on purpose, where they are there. ``implied_by`` says
    in messages what implies the shapes. Raises ConversionError for a tensor that is missing or of another
    shape, and for one of the source that nothing reads.
    """

    def __init__(
        self,
        source: TensorSource,
        specs: Sequence[TensorSpec],
        origin: Callable[[str], Origin],
        *,
        unread: Collection[str] = (),
        implied_by: str = "config.json",
    ) -> None:
        self._source = source
        self._implied_by = implied_by
        self._origins = {spec.name: origin(spec.name) for spec in specs}
        for spec in specs:
            self._check(spec)
        used = {*unread, *(name for made in self._origins.values() for name in made.reads)}
        if others := sorted(set(source.names()) - used):
            raise ConversionError(
                f"{source.path}: tensor {others[0]} is unexpected ({len(others)} in all); "
                f"{implied_by} implies none such"
            )

    def _check(self, spec: TensorSpec) -> None:
        made, path = self._origins[spec.name], self._source.path
        for name in made.reads:
            if name not in self._source.names():
                raise ConversionError(f"{path}: tensor {name} is missing; {self._implied_by} implies it")
        found = made.shape(self._source) if made.shape else spec.shape
        if found != spec.shape:
            raise ConversionError(
                f"{path}: tensor {' and '.join(made.reads)} has shape {list(found)}; {self._implied_by} "
                f"implies {list(spec.shape)}"
            )

    def __getitem__(self, name: str) -> Array:
        return self._origins[name].make(self._source)

    def __iter__(self) -> Iterator[str]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)
