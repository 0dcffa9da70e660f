"""How text is generated, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, TypedDict

from octavo.arguments import real_number, whole_number
from octavo.engine import SamplingOptions
from octavo.errors import ArgumentError
from octavo.model.limits import MAX_POSITIONS, MAX_VOCABULARY

MAX_SAMPLES: Final = 64
MAX_SEED: Final = 2**64 - 1
LEAST_TEMPERATURE: Final = 0.01
MOST_TEMPERATURE: Final = 100.0
SMALLEST_TOP_P: Final = 1e-6


class GenerationError(ArgumentError):
    """An option out of range, or a prompt that the model cannot continue."""


class GenerationChanges(TypedDict, total=False):
    """The options of generation as keyword arguments; an absent one keeps its default. See
    GenerationOptions."""

    max_tokens: int
    temperature: float | None
    top_k: int | None
    top_p: float | None
    seed: int | None
    samples: int
    first_prompt: int


@dataclasses.dataclass(frozen=True, slots=True)
class GenerationOptions:
    """The options of generation; docs/numerics.md, "Sampling", says exactly what each one does.

    ``max_tokens`` is the most tokens that are added, the end included. ``temperature`` 0 takes the most
    likely token each time. From 0.01 to 100, tokens are drawn: the lower the temperature, the more often the
    likely ones. None stands for 1 where ``top_k``, ``top_p``, ``seed`` or several samples are asked for, and
    else for 0. ``top_k`` draws from so many of the most likely tokens; ``top_p`` draws from the fewest of the
    most likely ones that have this share of the probability together. ``seed`` None stands for 0. ``samples``
    is the number of continuations of each prompt. ``first_prompt`` is the number of the first prompt, counted
    from 0. What is drawn depends on the seed and on the numbers of the prompt, the sample and the token
    alone. The options raise GenerationError for a value that cannot be.
    """

    max_tokens: int = 100
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    samples: int = 1
    first_prompt: int = 0

    def __post_init__(self) -> None:
        try:
            self._take(whole_number, "max_tokens", 1, MAX_POSITIONS)
            self._take(whole_number, "samples", 1, MAX_SAMPLES)
            self._take(whole_number, "first_prompt", 0, MAX_SEED // 2)
            if self.top_k is not None:
                self._take(whole_number, "top_k", 1, MAX_VOCABULARY)
            if self.seed is not None:
                self._take(whole_number, "seed", 0, MAX_SEED)
            if self.temperature is not None and self.temperature != 0:
                self._take(real_number, "temperature", LEAST_TEMPERATURE, MOST_TEMPERATURE, ", or 0")
            if self.top_p is not None:
                self._take(real_number, "top_p", SMALLEST_TOP_P, 1)
        except ValueError as error:
            raise GenerationError(str(error)) from error
        if self.temperature == 0:
            self._check_greedy()

    def _take(
        self, number: Callable[..., float], name: str, least: float, most: float, note: str = ""
    ) -> None:
        """Keep an option as Python's own number, whatever type of number the caller had."""
        object.__setattr__(self, name, number(name, getattr(self, name), least, most, note))

    def _check_greedy(self) -> None:
        for name, value in {"top_k": self.top_k, "top_p": self.top_p, "seed": self.seed}.items():
            if value is not None:
                raise GenerationError(
                    f"{name} = {value}: does nothing at temperature = 0, which takes the most likely token"
                )
        if self.samples > 1:
            raise GenerationError(
                f"samples = {self.samples}: all would be the same at temperature = 0; use another temperature"
            )

    @property
    def sampling(self) -> SamplingOptions:
        """The options as the engine takes them."""
        drawn = self.samples > 1 or not (self.top_k is self.top_p is self.seed is None)
        temperature = float(drawn) if self.temperature is None else self.temperature
        return SamplingOptions(temperature, self.top_k or 0, 1.0 if self.top_p is None else self.top_p)
