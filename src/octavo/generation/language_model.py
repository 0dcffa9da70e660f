"""The language model: prompts in, continued texts out, in order, whatever shares a batch."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Self, Unpack, overload

import numpy as np

from octavo.artifact import ModelDirectory
from octavo.engine import Engine, LoadedModel, default_precision
from octavo.engine.precision import Precision
from octavo.generation.continuing import NewToken, TokenIds, continue_texts
from octavo.generation.options import GenerationChanges, GenerationOptions
from octavo.text.inputs import checked_texts

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what bytes of a character whose end is missing decode to


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Continuation:
    """What a model added to a prompt.

    ``added`` is the text that follows the prompt, and ``tokens`` are its ids, int32 [length], without EOS.
    ``complete`` is True where the model ended the text, and False where the limit of tokens cut it.
    """

    prompt: str
    added: str
    tokens: TokenIds
    complete: bool

    @property
    def text(self) -> str:
        """The prompt and what follows it, as one text."""
        return joined(self.prompt, self.added)


class LanguageModel(LoadedModel[Engine]):
    """Continues text with one model. A context manager; ``close`` frees the model's memory.

    The same prompts and options give the same text, whatever else is generated beside it, however many
    threads there are, and on every CPU. One from ``octavo.load_language_model`` can be pickled, and another
    process then loads the model again.
    """

    noun = "language model"

    def __init__(self, model: ModelDirectory, engine: Engine) -> None:
        model.check_continues("generation")
        super().__init__(model, engine)
        _, self._tokenizer = model.tokenizers()

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, precision: Precision | None = None, threads: int = 0
    ) -> Self:
        """Load a model directory (see octavo.load_language_model). Raises OctavoError."""
        model = ModelDirectory.open(path)
        model.check_continues("generation")
        engine = Engine(model, precision=precision or default_precision(model), threads=threads)
        return cls(model, engine)._opened_by(path, threads=threads)

    @overload
    def generate(  # type: ignore[overload-overlap]  # a str is an Iterable[str] too
        self, prompts: str, **changes: Unpack[GenerationChanges]
    ) -> list[Continuation]: ...

    @overload
    def generate(
        self, prompts: Iterable[str], **changes: Unpack[GenerationChanges]
    ) -> list[list[Continuation]]: ...

    def generate(
        self, prompts: str | Iterable[str], **changes: Unpack[GenerationChanges]
    ) -> list[Continuation] | list[list[Continuation]]:
        """Continue one prompt, or each of several.

        A str gives the list of its samples. A list, or another iterable of str, gives such a list for each,
        in the same order. A prompt may have several lines; the model sees the end of each line as it did in
        training. GenerationOptions says what the options do. The call raises GenerationError for an option
        that cannot be and for a prompt that leaves the model no position, and TypeError where an entry is no
        str.
        """
        options = GenerationOptions(**changes)
        if isinstance(prompts, str):
            return self._generate([prompts], options)[0]
        return self._generate(list(checked_texts(prompts, what="prompt")), options)

    def stream(self, prompt: str, **changes: Unpack[GenerationChanges]) -> Iterator[str]:
        """Give what the model adds to one prompt, piece by piece, as one sample. It raises as
        ``generate``."""
        if not isinstance(prompt, str):
            raise TypeError(f"the prompt of a stream is one str, not {type(prompt).__name__}")
        options = dataclasses.replace(GenerationOptions(**changes), samples=1)
        line = self._last_line(prompt)
        tokens: list[int] = []
        shown = 0
        for new in self._tokens([prompt], options):
            if new.token != self.model.config.eos_id:
                tokens.append(new.token)
            added = self._added(line, tokens)
            if new.ended or not added.endswith(_UNFINISHED):
                yield added[shown:]
                shown = len(added)

    def _generate(self, prompts: Sequence[str], options: GenerationOptions) -> list[list[Continuation]]:
        every: list[list[list[int]]] = [[[] for _ in range(options.samples)] for _ in prompts]
        for new in self._tokens(prompts, options):
            every[new.prompt][new.sample].append(new.token)
        return [
            [self._continuation(prompt, tokens) for tokens in samples]
            for prompt, samples in zip(prompts, every, strict=True)
        ]

    def _tokens(self, prompts: Sequence[str], options: GenerationOptions) -> Iterator[NewToken]:
        engine = self._in_use()
        ids = [self._encode(prompt) for prompt in prompts]
        return continue_texts(engine.text_session(), self.model.config, ids, options)

    def _encode(self, prompt: str) -> TokenIds:
        """The ids of all lines of a prompt, with EOS between the lines."""
        *before, last = map(self._tokenizer.encode, prompt.split("\n"))
        ids = [token for line in before for token in (*line, self.model.config.eos_id)]
        return np.array([*ids, *last], np.int32)

    def _last_line(self, prompt: str) -> list[int]:
        return self._tokenizer.encode(prompt.rpartition("\n")[2])

    def _continuation(self, prompt: str, tokens: list[int]) -> Continuation:
        complete = tokens[-1] == self.model.config.eos_id
        added = tokens[:-1] if complete else tokens
        text = self._added(self._last_line(prompt), added)
        return Continuation(prompt, text, np.array(added, np.int32), complete)

    def _added(self, line: list[int], tokens: list[int]) -> str:
        """The text of tokens that follow a line. It begins with a space only where the model put one."""
        before, whole = self._tokenizer.decode(line), self._tokenizer.decode([*line, *tokens])
        return whole[len(before) :] if whole.startswith(before) else self._tokenizer.decode(tokens)


def joined(prompt: str, added: str) -> str:
    """A prompt and what follows it, without a second space between them."""
    return prompt + (added.lstrip() if not prompt or prompt[-1].isspace() else added)
