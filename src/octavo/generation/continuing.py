"""Prompts of token ids continued side by side: a batch that is refilled as texts end."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from octavo import interrupt
from octavo.engine import Feed, Sampler, TextSession
from octavo.errors import counted
from octavo.generation.options import GenerationError, GenerationOptions
from octavo.model.config import ModelConfig

MOST_ROWS: Final = 64
"""Continuations under way together, at most: as many as a prompt may have samples."""

_BITS: Final = 53

TokenIds = npt.NDArray[np.int32]


class NewToken(NamedTuple):
    """A token of a sample of a prompt, both counted from 0. ``ended`` says that it is the sample's last
    one."""

    prompt: int
    sample: int
    token: int
    ended: bool


def continue_texts(
    session: TextSession, config: ModelConfig, prompts: Sequence[TokenIds], options: GenerationOptions
) -> Iterator[NewToken]:
    """Continue each prompt (ids without decoder_start_id), and give the tokens of every step as they come.

    A text ends with EOS, after ``options.max_tokens``, or where the model has no more positions. Raises
    GenerationError for a prompt with no room after it.
    """
    for number, prompt in enumerate(prompts, options.first_prompt + 1):
        if len(prompt) >= config.max_positions:
            raise GenerationError(
                f"prompt {number} has {counted(len(prompt), 'token')}; the model has "
                f"{counted(config.max_positions, 'position')}, "
                f"so a prompt may have at most {config.max_positions - 1}: shorten it"
            )
    sampler = Sampler(options.sampling, config.suppressed_ids)
    waiting = deque(_Text.begin(config, i, prompt, options) for i, prompt in enumerate(prompts))
    live: list[_Text] = []
    try:
        while waiting or live:
            interrupt.check()
            while waiting and (not live or _rows(live) + options.samples <= MOST_ROWS):
                live.append(waiting.popleft())
            yield from _step(session, sampler, live)
            for text in live:
                if text.ended:
                    session.end(text.prompt)
            live = [text for text in live if not text.ended]
    finally:
        for text in live:
            session.end(text.prompt)


def _rows(texts: Sequence[_Text]) -> int:
    return sum(len(text.samples) for text in texts)


def _step(session: TextSession, sampler: Sampler, texts: Sequence[_Text]) -> Iterator[NewToken]:
    """Feed every text its next tokens, and choose those that follow."""
    logits = session.step([text.feed() for text in texts])
    rows: list[int] = []
    chosen_for: list[tuple[_Text, _Sample]] = []
    first = 0
    for text in texts:
        if text.is_reading:
            continue
        for sample in text.samples:
            rows.append(first + sample.row)
            chosen_for.append((text, sample))
        first += text.width
    if not rows:
        return
    uniforms = np.array([sample.uniform() for _, sample in chosen_for])
    tokens = sampler.choose(logits[rows], uniforms).tolist()
    for (text, sample), token in zip(chosen_for, tokens, strict=True):
        yield text.add(sample, token)


@dataclasses.dataclass(slots=True, eq=False)
class _Sample:
    """One continuation. ``row`` says where its logits are among those of its text."""

    number: int
    random: np.random.Philox
    row: int = 0
    last: int = -1  # its newest token
    ended: bool = False

    def uniform(self) -> float:
        """The next number of its own sequence, from 0 to below 1 (docs/numerics.md, "Sampling")."""
        return float(int(self.random.random_raw()) >> (64 - _BITS)) * 2.0**-_BITS


@dataclasses.dataclass(slots=True, eq=False)
class _Text:
    """A prompt and its continuations, each of at most ``most`` tokens; ``width`` rows were fed last."""

    prompt: int
    tokens: list[int]  # decoder_start_id and the prompt
    samples: list[_Sample]  # those fed in the last step
    most: int
    eos_id: int
    fed: int = 0  # of ``tokens``
    added: int = 0
    width: int = 1

    @classmethod
    def begin(cls, config: ModelConfig, number: int, ids: TokenIds, options: GenerationOptions) -> _Text:
        """A text of which nothing is fed yet."""
        key = np.array([options.seed or 0, options.first_prompt + number], np.uint64)
        samples = [
            _Sample(k, np.random.Philox(key=key, counter=np.array([0, 0, k, 0], np.uint64)))
            for k in range(options.samples)
        ]
        most = min(options.max_tokens, config.max_positions - len(ids))
        return cls(number, [config.decoder_start_id, *ids.tolist()], samples, most, config.eos_id)

    @property
    def is_reading(self) -> bool:
        """Whether some of the prompt is not fed yet."""
        return self.fed < len(self.tokens)

    @property
    def ended(self) -> bool:
        """Whether no sample goes on."""
        return all(sample.ended for sample in self.samples)

    def feed(self) -> Feed:
        """The next token of the prompt, or the newest of every sample."""
        if self.is_reading:
            self.fed += 1
            return Feed(self.prompt, [0], [self.tokens[self.fed - 1]], wanted=not self.is_reading)
        self.samples = [sample for sample in self.samples if not sample.ended]
        parents = [sample.row for sample in self.samples]
        for row, sample in enumerate(self.samples):
            sample.row = row
        self.width = len(parents)
        self.added += 1
        return Feed(self.prompt, parents, [sample.last for sample in self.samples])

    def add(self, sample: _Sample, token: int) -> NewToken:
        """The token chosen for a sample."""
        sample.last = token
        sample.ended = token == self.eos_id or self.added + 1 >= self.most
        return NewToken(self.prompt, sample.number, token, sample.ended)
