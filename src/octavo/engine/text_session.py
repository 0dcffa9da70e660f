"""Texts that a language model continues, token by token, and how the next token is chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.engine import _native
from octavo.engine.errors import EngineError, engine_errors
from octavo.engine.forks import tell_of_forks


@dataclasses.dataclass(frozen=True, slots=True)
class Feed:
    """What one text is fed in a step: its rows go on, each continuing row ``parents[i]`` of the step before
    with ``tokens[i]``.

    A row may be continued several times, or not at all. ``text``: any number, one for each text; a new one
    begins with one row, whose parent is 0. ``wanted``: whether the logits of its rows are.
    """

    text: int
    parents: Sequence[int]
    tokens: Sequence[int]
    wanted: bool = True


class TextSession:
    """Texts under way. A row's logits depend on the tokens that it was fed and nothing else."""

    def __init__(self, native: Any) -> None:
        self._native = native
        tell_of_forks(self)

    def after_fork(self) -> None:
        """What a child process has to do after a fork: see the native class."""
        self._native.after_fork()

    def step(self, feeds: Sequence[Feed]) -> npt.NDArray[np.float32]:
        """Feed each row its token, all texts together: float32 [rows whose logits are wanted, vocabulary].

        Row after row, text after text, as fed. A text's first token is decoder_start_id, as a rule. Raises
        EngineError, with nothing fed, for a text named twice, a row or a token that there is not, and a text
        as long as the model has positions.
        """
        fed = [(feed.text, list(feed.parents), list(feed.tokens), feed.wanted) for feed in feeds]
        with engine_errors("text session"):
            try:
                return self._native.step(fed)  # type: ignore[no-any-return]
            except TypeError as error:
                raise EngineError("text session: texts, parents and tokens must be whole numbers") from error

    def end(self, text: int) -> None:
        """Forget a text and free its memory."""
        self._native.end(text)


@dataclasses.dataclass(frozen=True, slots=True)
class SamplingOptions:
    """How the next token is chosen; docs/numerics.md, "Sampling", says exactly what each does.

    ``temperature``: 0 takes the most likely token; from 0.01 to 100 it draws, the smaller the surer.
    ``top_k``: of so many of the most likely tokens; 0: of all. ``top_p``: of the fewest of the most likely
    tokens that have this share of the probability, above 0 to 1.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


class Sampler:
    """Chooses tokens from logits; ``suppressed`` ones never. Raises EngineError for options out of range."""

    def __init__(self, options: SamplingOptions, suppressed: Sequence[int] = ()) -> None:
        with engine_errors("sampling"):
            try:
                self._native: Any = _native.Sampler(
                    float(options.temperature), options.top_k, float(options.top_p), list(suppressed)
                )
            except TypeError as error:
                raise EngineError(f"sampling: {options}: not numbers that these can be") from error

    def choose(
        self, logits: npt.NDArray[np.float32], uniforms: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int32]:
        """int32 [rows]: the token that each row's number ``uniforms`` [rows], from 0 to below 1, draws of its
        ``logits`` [rows, vocabulary]. Raises EngineError for logits that are not finite."""
        with engine_errors("sampling"):
            return self._native.choose(  # type: ignore[no-any-return]
                np.ascontiguousarray(logits, np.float32), np.ascontiguousarray(uniforms, np.float64)
            )
