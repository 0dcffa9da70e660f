"""Where a process gets a model from: a directory on its machine, or a packed one that was handed over."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import tarfile
import tempfile
import threading
from pathlib import Path
from typing import Any, Final, TypedDict

import octavo
from octavo import catalog
from octavo.artifact import ModelDirectory
from octavo.errors import ModelError
from octavo.translation import Precision, Translator


class LoadOptions(TypedDict, total=False):
    """How ``octavo.load`` loads a model; its docstring says what the options are."""

    precision: Precision | None
    threads: int
    sentence_by_sentence: bool
    shortlist: bool
    source: str | None
    to: str | None


def pack_model(path: str | os.PathLike[str] | None = None) -> bytes:
    """The files of the model that ``octavo.load`` would load, as one archive. Raises ModelError."""
    model = ModelDirectory.open(catalog.resolve(path))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file in sorted(entry for entry in model.path.iterdir() if entry.is_file()):
            archive.add(file, file.name)
    return packed.getvalue()


@dataclasses.dataclass(frozen=True)
class ModelSource:
    """A model by its path, by what ``pack_model`` gave, or by both. It can be pickled.

    ``packed`` may be an ObjectRef of Ray, so that each node gets the bytes once. With both, the path is taken
    where it leads to the model that has this ``fingerprint`` (ModelDirectory.fingerprint).
    """

    path: str | None = None
    packed: Any = None
    fingerprint: str | None = None

    def load(self, options: LoadOptions) -> Translator:
        """The translator, loaded once per process for the same options. Raises ModelError."""
        with _loading:
            packed = None if self.packed is None or self._is_here() else _bytes_of(self.packed)
            which = self.path if packed is None else hashlib.sha256(packed).hexdigest()
            key = which, tuple(sorted(options.items()))
            if key not in _loaded:
                while len(_loaded) >= _MOST_LOADED:
                    del _loaded[next(iter(_loaded))]
                _loaded[key] = (
                    octavo.load(self.path, **options) if packed is None else _unpacked(packed, options)
                )
            return _loaded[key]

    def _is_here(self) -> bool:
        if self.path is None or self.fingerprint is None:
            return False
        try:
            return ModelDirectory.open(self.path).fingerprint() == self.fingerprint
        except ModelError:
            return False


_loading = threading.Lock()
_MOST_LOADED: Final = 2
_loaded: Final[dict[tuple[str | None, tuple[tuple[str, object], ...]], Translator]] = {}


def _unpacked(packed: bytes, options: LoadOptions) -> Translator:
    """The translator of a packed model. Nothing of the archive is left once the model is in memory."""
    with tempfile.TemporaryDirectory(prefix="octavo-") as folder:
        try:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                for member in archive:
                    content = archive.extractfile(member)
                    if content is not None:  # a name without its folders: nothing is written elsewhere
                        (Path(folder) / Path(member.name).name).write_bytes(content.read())
        except tarfile.TarError as error:
            raise ModelError(
                f"the packed model is damaged, or pack_model did not make it: {error}"
            ) from error
        return octavo.load(folder, **options)


def _bytes_of(packed: Any) -> bytes:
    if isinstance(packed, bytes):
        return packed
    import ray

    found = ray.get(packed)
    if not isinstance(found, bytes):
        raise ModelError(
            f"the object of the model is a {type(found).__name__}: must be what pack_model gives"
        )
    return found


def _after_fork() -> None:
    global _loading
    _loading = threading.Lock()  # another thread of the parent may have had it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
