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
    """What one text is fed in a step. Its row i continues row ``parents[i]`` of the step before with the
    token ``tokens[i]``.

    A row may be continued several times, or not at all. ``text`` is any number, one for each text; a new text
    begins with one row, whose parent is 0. ``wanted`` says whether the logits of its rows are wanted.
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
        """Feed each row its token, all texts together, and return float32 [wanted rows, vocabulary].

        The logits come in the order in which the texts and their rows were fed. The first token of a text
        should be decoder_start_id. The step raises EngineError, and feeds nothing, for a text that is named
        twice, for a row or a token that does not exist, and for a text that has as many tokens as the model
        has positions.
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
    """How the next token is chosen; docs/numerics.md, "Sampling", says exactly what each option does.

    ``temperature`` 0 takes the most likely token. From 0.01 to 100, the token is drawn: the lower the
    temperature, the more often a likely one. ``top_k`` draws from so many of the most likely tokens; 0 draws
    from all. ``top_p``, above 0 to 1, draws from the fewest of the most likely tokens that have this share of
    the probability together.
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
