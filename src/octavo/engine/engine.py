"""A model loaded into the native engine."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from octavo.arguments import whole_number
from octavo.artifact.shortlist import Shortlist
from octavo.engine import _native
from octavo.engine.call import Call
from octavo.engine.cpu import active_isa, available_cores
from octavo.engine.errors import ClosedError, EngineError, engine_errors
from octavo.engine.forks import tell_of_forks
from octavo.engine.native_values import (
    native_arithmetic,
    native_config,
    native_options,
    native_shortlist,
    native_terms,
    tensor_reader,
    token_ids,
)
from octavo.engine.text_session import TextSession
from octavo.integer_format import IntegerScales, integer_obstacle
from octavo.plan import QuantizationPlan
from octavo.spec import (
    MAX_THREADS,
    AlignmentHeads,
    AttentionHead,
    ModelConfig,
    SearchOptions,
)

Precision = Literal["float32", "int8", "integer"]
TokenIds = npt.NDArray[np.int32]
MAX_TERMS: Final = 256
"""The most terms of one source."""

_PRECISIONS: Final = ("float32", "int8", "integer")


class Model(Protocol):
    """What an engine is made from: ``octavo.artifact.ModelDirectory``, or tensors in memory.

    ``plan`` is None for a floating-point model and for one of scheme ``integer``, which alone has
    ``integer_scales``; ``alignment`` is None where no heads are known that align; ``path`` names the model in
    messages.
    """

    @property
    def path(self) -> Path | str: ...
    @property
    def config(self) -> ModelConfig: ...
    @property
    def plan(self) -> QuantizationPlan | None: ...
    @property
    def integer_scales(self) -> IntegerScales | None: ...
    @property
    def alignment(self) -> AlignmentHeads | None: ...
    def tensor_reader(self) -> AbstractContextManager[Callable[[str], npt.NDArray[Any]]]: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """What a translation must contain: any one of ``alternatives``, sequences of target ids, int32 [length].

    With ``whole_words`` no token that continues a word follows it, as the caller of ``translate`` states
    these.
    """

    alternatives: Sequence[TokenIds]
    whole_words: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Hypothesis:
    """A translation: its target ids, int32 [length] without EOS, and its score.

    ``complete`` is False where the translation was cut at the longest length that the options allow.
    ``attention``, where alignments were asked for: uint16 [length, source + 1], how much each target token
    was made from each source position, EOS with them, by the alignment heads together. docs/numerics.md,
    "Alignments".
    """

    tokens: TokenIds
    score: float
    complete: bool
    attention: npt.NDArray[np.uint16] | None = None

    @property
    def alignment(self) -> npt.NDArray[np.int32] | None:
        """int32 [length], the source position that each target token was made from most: the first of
        several, and len(source) for EOS. None without ``attention``."""
        return None if self.attention is None else self.attention.argmax(axis=1).astype(np.int32)


@dataclasses.dataclass(frozen=True, slots=True)
class ProductTrace:
    """One int8 or integer weight product: ``input`` u8 [rows, inner] (value + zero point), ``row_scale``
    float32 [rows] (a static scale repeated; integer: [0]), ``accumulators`` int32 [rows, columns], the offset
    removed, in integer precision with the bias."""

    name: str
    input: npt.NDArray[np.uint8]
    row_scale: npt.NDArray[np.float32]
    accumulators: npt.NDArray[np.int32]


class Engine:
    """Translates token ids or, with a language model, scores and continues them. Results depend on the model,
    the tokens and the options alone: never on the batch, the number of threads or the CPU.

    The precision "int8" needs a quantized model. "float32" runs a float model, and a quantized one with its
    weights widened. "integer" runs a model of scheme ``integer``, which runs in nothing else. ``threads`` 0
    takes every core. ``streams`` is the number of batches that are under way side by side, each with its
    share of the threads; 0 stands for one for each thread, which has the highest throughput. ``isa`` is a
    kernel tier of ``cpu_report()``; None takes the one that OCTAVO_ISA names, or the best. ``shortlist``
    holds the target tokens to choose from, such as ``ModelDirectory.shortlist()``; None takes them all.
    Raises EngineError.
    """

    def __init__(
        self,
        model: Model,
        *,
        precision: Precision = "int8",
        threads: int = 0,
        streams: int = 0,
        isa: str | None = None,
        shortlist: Shortlist | None = None,
    ) -> None:
        _check_precision(model, precision)
        self.config = model.config
        self.precision: Precision = precision
        try:
            threads = whole_number("threads", threads, 0, MAX_THREADS, "; 0 takes every core")
            self.threads = threads or available_cores()
            streams = whole_number("streams", streams, 0, self.threads, "; 0 has one for each thread")
        except ValueError as error:
            raise EngineError(str(error)) from error
        self.shortlist = shortlist
        self.alignment = model.alignment
        self._path = str(model.path)
        isa = isa or active_isa()
        arithmetic = native_arithmetic(model, precision)
        with engine_errors(str(model.path)), tensor_reader(model) as tensor:
            self._native: Any = _native.Engine(
                native_config(model.config),
                arithmetic,
                tensor,
                self.threads,
                streams or self.threads,
                isa,
                None if shortlist is None else native_shortlist(model, shortlist),
            )
        self.isa: str = self._native.isa
        self._callers: set[int] = set()  # threads that are in a call
        tell_of_forks(self)

    def translate(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None = None,
        continuations: TokenIds | None = None,
        *,
        alignments: bool = False,
        call: Call | None = None,
    ) -> list[list[Hypothesis]]:
        """The best ``options.nbest`` hypotheses of each source, best first, in the order of ``sources``.

        ``sources``: ids of each sentence, without EOS. ``terms``: for each source, those that its hypotheses
        must contain, each as often as it stands there, at most MAX_TERMS; None: of no source. A hypothesis
        lacks one only where the longest translation that the options allow has no room for it.
        ``continuations``: the target ids that continue a word, for terms of whole words. ``alignments``:
        give every hypothesis its alignment too. ``call``: how urgent they are, until when, and whether
        still; it raises DeadlineError and CancelledCallError. Calls from several threads wait for one
        another; Ctrl-C interrupts between decoding steps. Raises EngineError for ids outside the vocabulary,
        a source too long, a term that no translation can contain, options out of range, or alignments of a
        model of which no heads are known that align.
        """
        if call is not None:
            call.check()
        if alignments and self.alignment is None:
            raise EngineError(
                f"{self._path}: has no alignments: its config.json names no attention heads that align; "
                "`octavo align` chooses them"
            )
        heads = self.alignment.heads if alignments and self.alignment else ()
        with engine_errors("translation"), self._turn() as native:
            found = native.translate(
                [token_ids(source) for source in sources],
                native_options(options),
                native_terms(terms),
                token_ids(() if continuations is None else continuations),
                heads,
            )
        return [[Hypothesis(*hypothesis) for hypothesis in hypotheses] for hypotheses in found]

    def logits(self, source: TokenIds, target: TokenIds) -> npt.NDArray[np.float32]:
        """float32 [len(target) + 1, vocabulary]: row t scores the token after target[:t].

        All of the vocabulary, also with a shortlist. A language model has no source: that is empty.
        """
        return self.forced_logits([source], [target])[0]

    def forced_logits(
        self, sources: Sequence[TokenIds], targets: Sequence[TokenIds]
    ) -> list[npt.NDArray[np.float32]]:
        """The ``logits`` of many pairs, computed together. Memory for all of them bounds their number."""
        with engine_errors("logits"):
            return self._open().logits(list(map(token_ids, sources)), list(map(token_ids, targets)))  # type: ignore[no-any-return]

    def attention(
        self, sources: Sequence[TokenIds], targets: Sequence[TokenIds], heads: Sequence[AttentionHead]
    ) -> list[npt.NDArray[np.uint8]]:
        """The weights that heads of the cross-attention give the source while the decoder is fed ``targets``:
        uint8 [heads, len(target) + 1, source tokens] for each pair, 255 the largest of a row.

        The step that predicts target token t is t, and EOS, where the source has it, the last source token.
        Memory for all pairs bounds their number. Raises EngineError for a head that the model does not have,
        and as ``logits`` does.
        """
        with engine_errors("attention"):
            return self._open().attention(  # type: ignore[no-any-return]
                list(map(token_ids, sources)), list(map(token_ids, targets)), heads
            )

    def token_log_probabilities(self, sequences: Sequence[TokenIds]) -> list[npt.NDArray[np.float32]]:
        """Of a language model: float32 [len] for each sequence, log P in nats of every token, given those
        before it and decoder_start_id before them all.

        Over the whole vocabulary. Calls wait for one another; Ctrl-C interrupts. Raises EngineError for a
        translation model, ids outside the vocabulary, or more tokens than the model has positions.
        """
        start = np.array([self.config.decoder_start_id], np.int32)
        texts = [np.concatenate([start, token_ids(sequence)]) for sequence in sequences]
        scored = [i for i, text in enumerate(texts) if len(text) > 1]
        found = self.score_last([texts[i] for i in scored], [len(texts[i]) - 1 for i in scored])
        scores = dict(zip(scored, found, strict=True))
        return [scores.get(i, np.empty(0, np.float32)) for i in range(len(texts))]

    def score_last(
        self, sequences: Sequence[TokenIds], counts: Sequence[int]
    ) -> list[npt.NDArray[np.float32]]:
        """Of a language model: float32 [counts[i]] for each sequence, log P in nats of its last ``counts[i]``
        tokens, each given all before it in the sequence and nothing else.

        A sequence has from 2 to max_positions + 1 tokens, and more than are scored. Raises EngineError as
        ``token_log_probabilities`` does.
        """
        with engine_errors("scoring"), self._turn() as native:
            return native.score(list(map(token_ids, sequences)), list(map(int, counts)))  # type: ignore[no-any-return]

    def text_session(self) -> TextSession:
        """Texts to be continued with this engine's language model and threads, beside any other call.

        Raises EngineError for a translation model.
        """
        with engine_errors("text session"):
            return TextSession(_native.TextSession(self._open()))

    def observe(
        self,
        sources: Sequence[TokenIds],
        targets: Sequence[TokenIds],
        visit: Callable[[str, npt.NDArray[np.float32]], None],
        *,
        only: Iterable[str] = (),
    ) -> None:
        """Show ``visit`` what passes through every site while the decoder is fed ``targets`` (float32 only).

        It is called with a site and rows [rows, width]: the sites of ``octavo.plan.sites``, attention weights
        as exp(score - largest) of one query and head, [1, keys]; and beside them "encoder.embedding",
        "decoder.embedding" and "X.residual", the sum after sublayer X. In each decoding step the pairs come
        in order of falling target length, those of one length in their own, and a pair's heads in theirs.
        ``only``: the sites wanted; none given, all. What ``visit`` raises ends the run.
        """
        with engine_errors("observation"):
            self._open().observe(
                list(map(token_ids, sources)), list(map(token_ids, targets)), visit, set(only)
            )

    def trace(self, source: TokenIds, target: TokenIds) -> list[ProductTrace]:
        """Every int8 or integer weight product of ``logits(source, target)`` in order of execution.

        They are named as in ``octavo.plan``; the output projection is "output". A decoder product appears
        once a step, but for the cross-attention's keys and values, which are made once."""
        with engine_errors("trace"):
            found = self._open().trace(token_ids(source), token_ids(target))
        return [ProductTrace(*product) for product in found]

    def close(self) -> None:
        """Free the model's memory once calls under way have ended. The engine cannot be used afterwards."""
        self._native = None

    def after_fork(self) -> None:
        """What a child process has to do after a fork: other threads' calls are not under way in it."""
        self._callers &= {threading.get_ident()}
        if self._native is not None:
            self._native.after_fork()

    def _open(self) -> Any:
        native = self._native
        if native is None:
            raise ClosedError("the engine is closed")
        return native

    @contextmanager
    def _turn(self) -> Iterator[Any]:
        """The native engine, for a call that others wait for, and that signal handlers may interrupt.

        Raises EngineError where it would wait for itself.
        """
        native, caller = self._open(), threading.get_ident()
        if caller in self._callers:
            raise EngineError(
                "the engine is at work for this very thread, so a call from a signal handler would wait for "
                "ever; let the handler set a flag, and call afterwards"
            )
        try:
            self._callers.add(caller)
            yield native
        finally:
            self._callers.discard(caller)


def default_precision(model: Model) -> Precision:
    """What a model runs in unless it is told otherwise: what it is stored for."""
    if model.integer_scales is not None:
        return "integer"
    return "float32" if model.plan is None else "int8"


def _check_precision(model: Model, precision: str) -> None:
    """Raise EngineError, saying what to do, unless the model runs in that precision."""
    if precision not in _PRECISIONS:
        raise EngineError(f"precision {precision!r}: must be float32, int8 or integer")
    if model.integer_scales is not None:
        if precision != "integer":
            raise EngineError(f"{model.path}: holds integers only; run it in integer, not in {precision}")
        return
    obstacle = integer_obstacle(model.config)
    part = model.config.integer_transformer_part
    command = "perplexity" if model.config.is_language_model else "evaluate"
    reference = f"`octavo {command} --engine pytorch` runs it"
    if precision == "integer" and obstacle:
        others = "int8 or float32" if model.plan else "float32"
        remedy = reference if part else f"run it in {others}"
        raise EngineError(f"{model.path}: has {obstacle}, which does not run in integer; {remedy}")
    if precision == "integer":
        raise EngineError(f"{model.path}: is a floating-point model; for integer, run `octavo quantize`")
    if part:
        remedy = reference if obstacle else f"run `octavo quantize` for integer, or {reference}"
        raise EngineError(
            f"{model.path}: has {part}, and the engine runs softmax attention and layer norm only; {remedy}"
        )
    if precision == "int8" and model.plan is None:
        raise EngineError(f"{model.path}: is a floating-point model; for int8, run `octavo quantize`")
