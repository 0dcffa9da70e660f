"""What quantization and simulation read: a configuration, a scheme, a plan and named tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from octavo.errors import QuantizationError
from octavo.model.alignment_heads import AlignmentHeads
from octavo.model.config import ModelConfig
from octavo.model.integer_format import IntegerScales, check_integer
from octavo.model.plan import QuantizationPlan, plan_of
from octavo.model.scheme import Scheme

IN_MEMORY: Final = "the model in memory"


class TensorSource(Protocol):
    """A model whose tensors are read by name: ``octavo.artifact.ModelDirectory`` is one, ``TensorModel``
    another."""

    @property
    def config(self) -> ModelConfig: ...

    @property
    def scheme(self) -> Scheme: ...

    @property
    def plan(self) -> QuantizationPlan | None:
        """The plan that an int8 model runs by; None for a floating-point model and for scheme ``integer``."""
        ...

    @property
    def integer_scales(self) -> IntegerScales | None:
        """Scales of a model of scheme ``integer``; None for any other."""
        ...

    def tensor(self, name: str) -> npt.NDArray[np.generic]:
        """A tensor of ``tensor_table.tensors``: float32, int8 beside its float32 scales, or integers."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class TensorModel:
    """A model in memory, without tokenizer or directory; the engine opens it as it opens a directory.

    ``plan`` is given as ``plan_of`` takes it, and replaced by what that function returns.
    ``path`` is what messages call the model. Raises SpecError where the plan, ``integer_scales`` or
    ``alignment`` does not fit.
    """

    config: ModelConfig
    scheme: Scheme
    tensors: Mapping[str, npt.NDArray[np.generic]]
    plan: QuantizationPlan | None = None
    path: str = IN_MEMORY
    integer_scales: IntegerScales | None = None
    alignment: AlignmentHeads | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", plan_of(self.config, self.scheme, self.plan))
        check_integer(self.config, self.scheme, self.integer_scales)
        if self.alignment:
            self.alignment.check(self.config)

    def tensor(self, name: str) -> npt.NDArray[np.generic]:
        """The array of that name. Raises KeyError where there is none."""
        return self.tensors[name]

    @contextmanager
    def tensor_reader(self) -> Iterator[Callable[[str], npt.NDArray[np.generic]]]:
        """A context with the function ``tensor``, as ``ModelDirectory.tensor_reader`` is one."""
        yield self.tensor


def check_ordinary(config: ModelConfig) -> None:
    """Raise QuantizationError for an Integer Transformer, whose attention and norms are not simulated."""
    if part := config.integer_transformer_part:
        raise QuantizationError(
            f"the model has {part}; only models with softmax attention and layer norm can be quantized"
        )
