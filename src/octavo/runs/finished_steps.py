"""Finished steps of a run, kept on disk, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from octavo import durable
from octavo.errors import OutputError


def steps_folder(output: Path, kind: str) -> Path:
    """Beside ``output``: where a run of this kind that writes it keeps its steps until it succeeds."""
    place = output.absolute()
    return place.parent / f".{place.name}.{kind}"


class FinishedSteps:
    """Results by a hash of all they depend on, so that a changed input never finds a stale one.

    ``identity`` is what every step depends on: the model's checksum and the like. ``folder`` None keeps
    nothing. For one run at a time.
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, Any]) -> None:
        self.folder = folder
        self._identity = dict(identity)

    def about(self, identity: Mapping[str, Any]) -> FinishedSteps:
        """Steps in the same folder that depend on this too."""
        return FinishedSteps(self.folder, self._identity | dict(identity))

    def value(self, step: str, inputs: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """The JSON value of a step, computed where it has not been before. Raises OutputError, OSError."""
        if self.folder is None:
            return compute()
        path = self.folder / f"{step}-{digest([self._identity, step, dict(inputs)])[:32]}.json"
        try:
            return json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):  # none yet, or damaged: make it
            pass
        found = compute()
        data = json.dumps(found, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass")
        self.folder.mkdir(parents=True, exist_ok=True)
        durable.write_file(path, data)
        return found

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other runs out of the folder. Raises OutputError where one is in it, or it cannot be made."""
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
        """Remove everything: the run has succeeded."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_result(path: Path) -> bool:
    return path.name != durable.LOCK and not path.name.endswith(durable.BESIDE)


def digest(value: Any) -> str:
    """SHA-256, in hex, of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
