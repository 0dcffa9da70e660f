"""What quantization and simulation read: a configuration, a scheme and named tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from octavo.spec import ModelConfig, Scheme


class Model(Protocol):
    """Tensors read by name: ``octavo.artifact.ModelDirectory`` is one, ``TensorModel`` another."""

    @property
    def config(self) -> ModelConfig: ...

    @property
    def scheme(self) -> Scheme: ...

    def tensor(self, name: str) -> npt.NDArray[np.generic]:
        """A tensor of ``spec.tensors(config, scheme)``: float32, or int8 beside its float32 scales."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class TensorModel:
    """A model in memory, without tokenizer or directory."""

    config: ModelConfig
    scheme: Scheme
    tensors: Mapping[str, npt.NDArray[np.generic]]

    def tensor(self, name: str) -> npt.NDArray[np.generic]:
        """The array of that name. Raises KeyError where there is none."""
        return self.tensors[name]
