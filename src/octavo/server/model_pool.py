"""The models of a service: loaded on first use, kept while they are used, unloaded when memory runs short."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from octavo.artifact.description import fingerprint
from octavo.catalog.found import FoundModel, absolute
from octavo.engine import Activity, ClosedError
from octavo.engine.precision import Precision
from octavo.errors import ModelError, OctavoError
from octavo.server.errors import DrainingError, UnavailableError
from octavo.server.language_routes import LanguageRoutes, Step
from octavo.server.model_memory import memory_bytes
from octavo.server.model_scan import Scanned, scan
from octavo.translation import Translator

_SECONDS_TO_NEXT_TRY: Final = 10
_READINGS: Final = 4
_SECONDS_TO_NEXT_READING: Final = 0.05

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class ModelInfo:
    """What clients may know of a model: its name in this pool, the arithmetic it runs in, whether it is
    loaded, and how many bytes it takes then (``octavo.server.model_memory``)."""

    name: str
    precision: Precision
    loaded: bool
    bytes: int


class _PooledModel:
    """One state of a model directory; a changed one is another. The pool's lock guards what changes."""

    def __init__(self, found: FoundModel, precision: Precision | None, shortlist: bool) -> None:
        self.name = found.name
        self.found = found
        self.sources, self.targets = _languages(found, shortlist)
        self.precision: Precision = precision or found.precision
        self.bytes = memory_bytes(found.description, self.precision)
        self.translator: Translator | None = None
        self.loading: Future[None] | None = None
        self.users = 0
        self.last_used = 0
        self.retired = False
        self.problem: str | None = None
        self.next_try = 0.0

    def info(self) -> ModelInfo:
        """It as it is now."""
        loaded = self.translator is not None
        return ModelInfo(self.name, self.precision, loaded, self.bytes)

    def told(self, error: BaseException) -> str:
        """An error as text, without the place of the model."""
        return (str(error) or type(error).__name__).replace(str(self.found.path), self.name)

    def unavailable(self) -> UnavailableError:
        """What a client is told."""
        return UnavailableError(f"the model {self.name} cannot be loaded", _SECONDS_TO_NEXT_TRY)


class ModelPool:
    """The models of ``paths``: model directories, and directories that hold such. Threads may share a pool.

    A model is loaded when a route first needs it; who needs it too waits for the same loading, and other
    models stay usable. ``memory_limit`` is in bytes of loaded models: before one is loaded, those that were
    used longest ago and are not in use go, until it fits. What is in use never goes, so that models in use at
    the same time, and one that alone is larger, go over the limit. ``threads``, ``precision`` and
    ``shortlist`` are as ``octavo.load`` has them, for each model.

    Raises ModelError for a path that holds no model, and for one whose model is damaged. A damaged model in a
    directory of models is left out, and ``problems`` tells of it.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        memory_limit: int | None = None,
        threads: int = 0,
        precision: Precision | None = None,
        shortlist: bool = True,
    ) -> None:
        self._paths = tuple(map(absolute, paths))
        self._memory_limit = memory_limit
        self._threads = threads
        self._precision: Precision | None = precision
        self._shortlist = shortlist
        self._lock = threading.Lock()
        self._reloading = threading.Lock()
        self._clock = itertools.count(1)
        self._in_memory: set[_PooledModel] = set()  # loaded, or about to be
        self._closed = False
        entries = list(scan(self._paths))
        for entry in entries:
            if entry.named and isinstance(entry.found, ModelError):
                raise entry.found
        models = [self._pooled(entry.found) for entry in entries if isinstance(entry.found, FoundModel)]
        if not models:
            places = ", ".join(map(str, self._paths)) or "no path"
            wrong = "".join(f"; {name}: {problem}" for name, problem in _problems(entries).items())
            raise ModelError(
                f"{places}: holds no translation model; name a model directory, or one of such{wrong}"
            )
        self._install(models, _problems(entries))

    @property
    def languages(self) -> LanguageRoutes[_PooledModel]:
        """The languages that ``route`` takes, with tags as the models state them, and the pairs of them."""
        return self._routes

    def models(self) -> list[ModelInfo]:
        """Every model, loaded or not."""
        with self._lock:
            return [model.info() for model in self._models]

    def activity(self) -> dict[str, Activity]:
        """What the engines of loaded models are doing now, and have done since, by the name of the model."""
        with self._lock:
            loaded = {model.name: model.translator for model in self._models if model.translator is not None}
        found = {}
        for name, translator in loaded.items():
            with suppress(ClosedError):  # it was unloaded meanwhile
                if (activity := translator.activity()) is not None:
                    found[name] = activity
        return found

    def problems(self) -> dict[str, str]:
        """What was wrong when models were last read, by the name of the model. It names no path of models,
        but is for the service's operator."""
        with self._lock:
            loaded = {model.name: model.problem for model in self._models if model.problem}
            return loaded | self._scan_problems

    def check(self, source: str, target: str) -> tuple[str, str]:
        """The tags of the models that ``route`` would take: the first one's source, the last one's target.
        Raises UnsupportedPairError where ``route`` would. It loads nothing."""
        with self._lock:
            steps = self._routes.find(source, target)
        return steps[0].source, steps[-1].target

    @contextmanager
    def route(self, source: str, target: str) -> Iterator[tuple[Translator, ...]]:
        """The translator between two languages, or the two of a pivot, in the order of their use.

        Tags are matched as ``octavo.text.language_tags.distance`` says. A translator of several languages
        has those of the route by default. Loads what is not loaded, so call it
        in a worker thread. In the block the translators stay open. Raises UnsupportedPairError,
        UnavailableError where a model cannot be loaded, DrainingError after ``close``.
        """
        with self._lock:
            steps = self._find(source, target)
            for step in steps:
                step.model.users += 1
        try:
            yield tuple([_directed(self._translator(step.model), step) for step in steps])
        finally:
            self._release(step.model for step in steps)

    @contextmanager
    def loaded_route(self, source: str, target: str) -> Iterator[Translator | None]:
        """The one translator between two languages, where it is loaded; None where ``route`` would load one,
        or gives two. It waits for nothing. Raises as ``route`` does."""
        with self._lock:
            steps = self._find(source, target)
            translator = steps[0].model.translator if len(steps) == 1 else None
            if translator is not None:
                steps[0].model.users += 1
                steps[0].model.last_used = next(self._clock)
        try:
            yield None if translator is None else _directed(translator, steps[0])
        finally:
            if translator is not None:
                self._release([steps[0].model])

    def reload(self) -> None:
        """Read the paths again: new models come, removed ones go, and changed ones are opened anew.

        Requests under way keep the model that they have, which is closed when its last user leaves. A model
        that was loaded is loaded anew before it takes the old one's place. One that is broken does not take
        it; the old one stays, and ``problems`` tells of it.
        """
        with self._reloading:
            entries = list(scan(self._paths))
            with self._lock:
                current = {model.found.path: model for model in self._models}
            models = [model for entry in entries for model in self._after_reload(entry, current)]
            self._install(models, _problems(entries))
            for name, problem in _problems(entries).items():
                _log.warning("model %s: %s", name, problem)

    def close(self) -> None:
        """Close every model, those in use when their last user leaves. A second call does nothing."""
        with self._lock:
            self._closed = True
            for model in self._in_memory:
                model.retired = True
            surplus = self._take_surplus()
        _close(surplus)

    def _find(self, source: str, target: str) -> tuple[Step[_PooledModel], ...]:
        if self._closed:
            raise DrainingError("the service is about to stop", _SECONDS_TO_NEXT_TRY)
        return self._routes.find(source, target)

    def _pooled(self, found: FoundModel) -> _PooledModel:
        return _PooledModel(found, self._precision, self._shortlist)

    def _install(self, models: Sequence[_PooledModel], problems: dict[str, str]) -> None:
        """Let these be the pool's models; others end with their last user."""
        names: dict[str, int] = {}
        with self._lock:
            for model in models:
                count = names[model.found.name] = names.get(model.found.name, 0) + 1
                model.name = model.found.name if count == 1 else f"{model.found.name}-{count}"
            self._models = tuple(models)
            self._routes = LanguageRoutes(self._models)
            self._scan_problems = problems
            for model in self._in_memory:
                model.retired = self._closed or model not in self._models
            surplus = self._take_surplus()
        _close(surplus)

    def _after_reload(self, entry: Scanned, current: dict[Path, _PooledModel]) -> list[_PooledModel]:
        """The models that stand for an entry from now on. ``current`` has those before, by their paths."""
        old = current.get(entry.path)
        if isinstance(entry.found, ModelError):
            inside = [model for path, model in current.items() if path.parent == entry.path]
            return [old] if old else inside  # of a directory that cannot be read: all that were there
        if old is None:
            return [self._pooled(entry.found)]
        if old.found.fingerprint != entry.found.fingerprint:
            return [self._replacement(old, entry.found)]
        with self._lock:
            old.problem, old.next_try = None, 0.0
        return [old]

    def _replacement(self, old: _PooledModel, found: FoundModel) -> _PooledModel:
        """The model as it is now, loaded where the old one is; the old one where that fails."""
        new = self._pooled(found)
        with self._lock:
            is_loaded = old in self._in_memory
            old.users += 1  # it must not be unloaded to make room for one that may be broken
            new.users += 1
        try:
            if is_loaded:
                self._translator(new)
            return new
        except UnavailableError:
            with self._lock:
                old.problem = new.problem
            return old
        finally:
            self._release((old, new))

    def _translator(self, model: _PooledModel) -> Translator:
        """The translator of a model that the caller holds. Raises UnavailableError."""
        with self._lock:
            model.last_used = next(self._clock)
            if model.translator is not None:
                return model.translator
            loading, surplus = model.loading, []
            if loading is None:
                if time.monotonic() < model.next_try:
                    raise model.unavailable()
                model.loading = Future()
                self._in_memory.add(model)
                surplus = self._take_surplus()
        if loading is None:
            _close(surplus)
            self._load(model)
        else:
            loading.result()
        with self._lock:
            if model.translator is None:
                raise model.unavailable()
            return model.translator

    def _load(self, model: _PooledModel) -> None:
        """Load it, or note why not, and let those go on who wait for it."""
        translator, problem = None, None
        started = time.monotonic()
        try:
            translator, model.found = self._opened(model)
        except (OctavoError, OSError, MemoryError) as error:
            problem = model.told(error)
            _log.warning("model %s: cannot be loaded: %s", model.name, problem)
        finally:
            with self._lock:
                loading, model.loading = model.loading, None
                model.translator, model.problem = translator, problem
                if translator is None:
                    model.next_try = time.monotonic() + _SECONDS_TO_NEXT_TRY
                    self._in_memory.discard(model)
            if loading is not None:
                loading.set_result(None)
        if translator is not None:
            _log.info("model %s: loaded in %.2f s", model.name, time.monotonic() - started)

    def _opened(self, model: _PooledModel) -> tuple[Translator, FoundModel]:
        """The model, all of one state: read once more where its directory was replaced meanwhile."""
        path = model.found.path
        for left in reversed(range(_READINGS)):
            before = _state(path)
            try:
                found, translator = self._open(model)
            except ModelError:
                if not left or (before is not None and before == _state(path)):
                    raise
            else:
                if _state(path) == found.fingerprint:
                    return translator, found
                translator.close()
            time.sleep(_SECONDS_TO_NEXT_READING)
        raise ModelError(f"{path}: changes while it is read; read the paths again when it is whole")

    def _open(self, model: _PooledModel) -> tuple[FoundModel, Translator]:
        path = model.found.path
        found = FoundModel.read(path)
        if _languages(found, self._shortlist) != (model.sources, model.targets):
            raise ModelError(f"{path}: translates between other languages now; read the paths again")
        return found, Translator.open(
            path, precision=self._precision, threads=self._threads, shortlist=self._shortlist
        )

    def _release(self, models: Iterable[_PooledModel]) -> None:
        with self._lock:
            for model in models:
                model.users -= 1
            surplus = self._take_surplus()
        _close(surplus)

    def _take_surplus(self) -> list[Translator]:
        """What is to be closed now, outside the lock, which the caller has: what nobody will use again, and
        while the rest is over the limit what was used longest ago."""
        vacant = [model for model in self._in_memory if not model.users]
        vacant.sort(key=lambda model: (not model.retired, model.last_used))
        surplus: list[Translator] = []
        for model in vacant:
            if (model.retired or self._is_over_limit()) and model.translator is not None:
                surplus.append(model.translator)
                model.translator = None
                self._in_memory.discard(model)
                _log.info("model %s: unloaded", model.name)
        return surplus

    def _is_over_limit(self) -> bool:
        if self._memory_limit is None or len(self._in_memory) < 2:
            return False
        return sum(model.bytes for model in self._in_memory) > self._memory_limit


def _languages(found: FoundModel, shortlist: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a model translates from and to. A shortlist is for one pair of its languages."""
    languages = found.description.languages
    if languages is not None and found.description.shortlist is not None and shortlist:
        only = languages.direction(None, None, (found.source, found.target))
        return (only.source,), (only.target,)
    return found.sources, found.targets


def _directed(translator: Translator, step: Step[_PooledModel]) -> Translator:
    return translator.between(step.source, step.target)


def _state(path: Path) -> str | None:
    """The fingerprint of a model directory; None where there is none, as between two renames."""
    try:
        return fingerprint(path)
    except ModelError:
        return None


def _problems(entries: Iterable[Scanned]) -> dict[str, str]:
    return {
        entry.path.name: str(entry.found).replace(str(entry.path), entry.path.name)
        for entry in entries
        if isinstance(entry.found, ModelError)
    }


def _close(translators: Iterable[Translator]) -> None:
    for translator in translators:
        translator.close()
