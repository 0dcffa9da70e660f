"""Finished steps of a run, kept on disk, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from octavo import durable
from octavo.errors import OutputError


def steps_folder(output: Path, kind: str) -> Path:
    """The folder beside ``output`` where a run of this kind keeps its steps until it has succeeded."""
    place = output.absolute()
    return place.parent / f".{place.name}.{kind}"


_VALUE: Final = "value"

SECONDS_BETWEEN_SAVES: Final = 1.0
"""A step that grows by units is saved after the first unit that ends so long after the last save."""

Unit = TypeVar("Unit", contravariant=True)


class GrowingStep(Protocol[Unit]):
    """A step that is made unit by unit, and whose state after any of them can be kept."""

    def begin(self, done: int, state: Any) -> None:
        """The work begins where ``done`` units have left ``state``: 0 and None where there is none yet."""

    def add(self, unit: Unit) -> None:
        """Do one more unit."""

    def state(self) -> Any:
        """The JSON value of the units so far."""

    def close(self) -> None:
        """Free what ``begin`` and ``add`` have opened."""


class FinishedSteps:
    """Results of steps on disk, by a hash of all they depend on: a changed input finds no stale result.

    ``identity`` is what every step depends on: the model's checksum and the like. ``folder`` None keeps
    nothing. For one run at a time.
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._identity = dict(identity)

    def about(self, identity: Mapping[str, Any]) -> FinishedSteps:
        """Finished steps in the same folder that depend on ``identity`` as well."""
        return FinishedSteps(self.folder, self._identity | dict(identity))

    def value(self, step: str, inputs: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """The JSON value of a step, computed where it has not been before. Raises OutputError, OSError."""
        if self.folder is None:
            return compute()
        path = self._path(self.folder, step, inputs)
        kept = _read(path)
        if kept is None:
            kept = {_VALUE: compute()}
            _write(path, kept)
        return kept[_VALUE]

    def grown(
        self, step: str, inputs: Mapping[str, Any], units: Sequence[Unit], work: GrowingStep[Unit]
    ) -> Any:
        """The JSON value of a step that ``work`` makes of the units, in their order.

        A run that was stopped goes on after the last unit that was saved. Raises OutputError, OSError.
        """
        if self.folder is None:
            return _grow(units, work, None, lambda _done: None)
        path = self._path(self.folder, step, inputs)
        unfinished = path.with_suffix(".unfinished")

        def save(done: int) -> None:
            _write(unfinished, {"done": done, _VALUE: work.state()})

        kept = _read(path)
        if kept is None:
            kept = {_VALUE: _grow(units, work, _read(unfinished), save)}
            _write(path, kept)
        unfinished.unlink(missing_ok=True)
        return kept[_VALUE]

    def _path(self, folder: Path, step: str, inputs: Mapping[str, Any]) -> Path:
        return folder / f"{step}-{digest([self._identity, step, dict(inputs)])[:32]}.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the folder.

        Raises OutputError where another run works in it, and where the folder cannot be made.
        """
        if self.folder is None:
            yield
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            place = self.folder.parent
            raise OutputError(f"{place}: cannot be written to: {error.strerror or error}") from error
        with durable.locked(self.folder):
            try:
                yield
            finally:
                if self.folder.is_dir() and not any(map(_is_result, self.folder.iterdir())):
                    shutil.rmtree(self.folder, ignore_errors=True)

    def forget(self) -> None:
        """Remove all steps, once the run has succeeded."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _grow(
    units: Sequence[Unit], work: GrowingStep[Unit], kept: dict[str, Any] | None, save: Callable[[int], None]
) -> Any:
    done = kept["done"] if kept else 0
    try:
        work.begin(done, kept[_VALUE] if kept else None)
        saved = time.monotonic()
        for unit in units[done:]:
            work.add(unit)
            done += 1
            if done < len(units) and time.monotonic() - saved >= SECONDS_BETWEEN_SAVES:
                save(done)
                saved = time.monotonic()
        return work.state()
    finally:
        work.close()


def _read(path: Path) -> dict[str, Any] | None:
    """What was kept in a file; None where there is none, or a damaged one, which is made again."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) and _VALUE in found else None


def _write(path: Path, kept: dict[str, Any]) -> None:
    data = json.dumps(kept, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_file(path, data)


def _is_result(path: Path) -> bool:
    return path.name != durable.LOCK and not path.name.endswith(durable.BESIDE)


def digest(value: Any) -> str:
    """SHA-256, in hex, of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
