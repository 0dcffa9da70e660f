"""A model loaded into the native engine."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from octavo.arguments import whole_number
from octavo.artifact.shortlist import Shortlist
from octavo.engine import _native
from octavo.engine.call import Call
from octavo.engine.cpu import active_isa, available_cores
from octavo.engine.errors import ClosedError, EngineError, engine_errors
from octavo.engine.forks import tell_of_forks
from octavo.engine.hypothesis import Hypothesis, TokenIds, hypotheses
from octavo.engine.native_values import (
    native_arithmetic,
    native_config,
    native_options,
    native_shortlist,
    native_target_prefixes,
    native_terms,
    tensor_reader,
    token_ids,
)
from octavo.engine.precision import Model, Precision, check_precision
from octavo.engine.submissions import Submissions
from octavo.engine.text_session import TextSession
from octavo.model.alignment_heads import AttentionHead
from octavo.model.limits import MAX_THREADS
from octavo.model.search import SearchOptions

MAX_TERMS: Final = 256
"""The most terms of one source."""


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """What a translation must contain: any one of ``alternatives``, sequences of target ids, int32 [length].

    With ``whole_words`` no token that continues a word follows it, as the caller of ``translate`` states
    these.
    """

    alternatives: Sequence[TokenIds]
    whole_words: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Activity:
    """What an engine is doing now, and what it has done since it was made."""

    waiting_sentences: int
    waiting_tokens: int
    """Source tokens of these, EOS with them."""
    sentences_under_way: int
    rows_in_use: int
    """Decoder rows that these count as: each as many as its beam."""
    rows: int
    """Decoder rows that all streams have."""
    steps: int
    """Decoding steps of all streams."""
    sentences: int
    """Sentences that were translated."""
    source_tokens: int
    """Source tokens of these, EOS with them."""
    target_tokens: int
    """Tokens of their best hypotheses."""


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
    ``queue_tokens``: how many source tokens may wait at most for ``submit`` to take more.
    Raises EngineError.

    Any threads may call it at a time: sentences of all calls share the batches. It starts threads of its own
    when there is work for them; they stay until ``close``.
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
        queue_tokens: int = 131_072,
    ) -> None:
        check_precision(model, precision)
        self.config = model.config
        self.precision: Precision = precision
        try:
            threads = whole_number("threads", threads, 0, MAX_THREADS, "; 0 takes every core")
            self.threads = threads or available_cores()
            streams = whole_number("streams", streams, 0, self.threads, "; 0 has one for each thread")
            self._queue_tokens = whole_number("queue_tokens", queue_tokens, 1, 2**40)
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
                self.alignment.heads if self.alignment else (),
                self.threads,
                streams or self.threads,
                isa,
                None if shortlist is None else native_shortlist(model, shortlist),
            )
        self.isa: str = self._native.isa
        self._submissions: Submissions | None = None
        self._submitting = threading.RLock()
        self._scoring: set[int] = set()  # threads that are in a call which others wait for
        tell_of_forks(self)

    def translate(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None = None,
        continuations: TokenIds | None = None,
        *,
        target_prefixes: Sequence[TokenIds | None] | None = None,
        alignments: bool = False,
        call: Call | None = None,
    ) -> list[list[Hypothesis]]:
        """The best ``options.nbest`` hypotheses of each source, best first, in the order of ``sources``.

        ``sources``: ids of each sentence, without EOS. ``terms``: for each source, those that its hypotheses
        must contain, each as often as it stands there, at most MAX_TERMS; None: of no source. A hypothesis
        lacks one only where the longest translation that the options allow has no room for it.
        ``continuations``: the target ids that continue a word, for terms of whole words.
        ``target_prefixes``: for each source, the target ids that its hypotheses begin with, or None. They
        cost nothing (log-probability 0), and are tokens of the hypothesis in all else. ``alignments``: give
        every hypothesis its alignment too. ``call``: how urgent they are, until when, and whether still; it
        raises DeadlineError and CancelledCallError. Calls of several threads share batches; Ctrl-C interrupts
        that of the main thread. Raises EngineError for ids outside the vocabulary, a source too long, a term
        that no translation can contain, a prefix that leaves no room for more, options out of range, or
        alignments of a model of which no heads are known that align.
        """
        with engine_errors("translation"):
            native = self._open()
            request = self._request(
                native, sources, options, terms, continuations, target_prefixes, alignments, call
            )
            unwatch = (call or Call()).watch(lambda: native.cancel(request))
            try:
                native.translate(request, threading.get_ident() == threading.main_thread().ident)
            finally:
                unwatch()
            return [hypotheses(request, i) for i in range(len(sources))]

    def submit(
        self,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None = None,
        continuations: TokenIds | None = None,
        *,
        target_prefixes: Sequence[TokenIds | None] | None = None,
        alignments: bool = False,
        call: Call | None = None,
    ) -> list[Future[list[Hypothesis]]]:
        """As ``translate``, without waiting: a future for each source, in the order of ``sources``, of its
        hypotheses. Any thread may call it; ``asyncio.wrap_future`` makes a future of it that can be awaited.

        To cancel a future gives its sentence up, also where it is under way. A future raises what
        ``translate`` would. Callbacks of futures run in a thread of the engine's, one after the other. Raises
        at once, with nothing submitted, EngineError as ``translate`` does, and QueueFullError where more than
        ``queue_tokens`` would wait, unless nothing waits. Futures end in the process that submitted, not in
        one that it forks.
        """
        with engine_errors("translation"):
            native = self._open()
            request = self._request(
                native, sources, options, terms, continuations, target_prefixes, alignments, call
            )
            with self._submitting:
                self._open()  # another thread may have closed it since
                if self._submissions is None:
                    self._submissions = Submissions(native, self)
                return [*self._submissions.add(request, len(sources), call, self._queue_tokens)]

    def activity(self) -> Activity:
        """What waits, what is under way, and what was done. It takes no time to speak of. Raises EngineError
        for a language model."""
        with engine_errors("activity"):
            return Activity(*self._open().activity())

    def _request(
        self,
        native: Any,
        sources: Sequence[TokenIds],
        options: SearchOptions,
        terms: Sequence[Sequence[Term] | None] | None,
        continuations: TokenIds | None,
        target_prefixes: Sequence[TokenIds | None] | None,
        alignments: bool,
        call: Call | None,
    ) -> Any:
        """What is wanted, checked. Raises EngineError, and the native module's errors."""
        call = call or Call()
        call.check()
        if alignments and self.alignment is None:
            raise EngineError(
                f"{self._path}: has no alignments: its config.json names no attention heads that align; "
                "`octavo align` chooses them"
            )
        return native.request(
            [token_ids(source) for source in sources],
            native_options(options),
            native_terms(terms),
            token_ids(() if continuations is None else continuations),
            native_target_prefixes(target_prefixes),
            alignments,
            int(call.priority),
            call.seconds_left,
        )

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

        It is called with a site and rows [rows, width]: the sites of ``octavo.model``, attention weights
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

        They are named as in ``octavo.model``; the output projection is "output". A decoder product appears
        once a step, but for the cross-attention's keys and values, which are made once."""
        with engine_errors("trace"):
            found = self._open().trace(token_ids(source), token_ids(target))
        return [ProductTrace(*product) for product in found]

    def close(self) -> None:
        """Free the model's memory once calls under way have ended, and what was submitted. The engine cannot
        be used afterwards."""
        with self._submitting:
            self._native = None
            submissions, self._submissions = self._submissions, None
            if submissions is not None:
                submissions.close()

    def after_fork(self) -> None:
        """What a child process has to do after a fork: other threads' calls are not under way in it."""
        self._scoring &= {threading.get_ident()}
        self._submissions = None
        self._submitting = threading.RLock()
        if self._native is not None:
            self._native.after_fork()

    def _open(self) -> Any:
        native = self._native
        if native is None:
            raise ClosedError("the engine is closed")
        return native

    @contextmanager
    def _turn(self) -> Iterator[Any]:
        """The native engine, for scoring, which calls take turns to do, and signal handlers may interrupt.

        Raises EngineError where it would wait for itself.
        """
        native, caller = self._open(), threading.get_ident()
        if caller in self._scoring:
            raise EngineError(
                "the engine is at work for this very thread, so a call from a signal handler would wait for "
                "ever; let the handler set a flag, and call afterwards"
            )
        try:
            self._scoring.add(caller)
            yield native
        finally:
            self._scoring.discard(caller)
