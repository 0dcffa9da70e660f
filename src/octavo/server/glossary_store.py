"""Glossaries that clients keep with the service: terms by language pair, in files where there is a folder."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from octavo import durable
from octavo.errors import OctavoError, OutputError
from octavo.regular_file import read_regular
from octavo.server.errors import BusyError, QuotaError, RequestError, TooLargeError, UnknownResourceError
from octavo.terms import Entry, Glossary
from octavo.text.language_tags import primary_subtag

MAX_GLOSSARIES: Final = 1000
MAX_GLOSSARY_BYTES: Final = 10 << 20
"""UTF-8 bytes of all terms of one glossary."""

MAX_TOTAL_BYTES: Final = 256 << 20
"""UTF-8 bytes of all terms of all glossaries: they are held in memory."""

MAX_TEXT_BYTES: Final = 1024
"""UTF-8 bytes of a name, and of a term or its translation."""

READY_BYTES: Final = 4 << 20
"""UTF-8 bytes of the terms that stay prepared for matching, which takes some thirty times their memory; what
was used last stays in any case."""

_MAX_FILE_BYTES: Final = 8 * MAX_GLOSSARY_BYTES
_FORMAT: Final = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Dictionary:
    """Terms of one language pair: ``source`` and ``target`` are languages, such as "en", without a country;
    ``entries`` are terms and their translations.

    Raises RequestError for an entry that cannot be; its message counts entries from 1.
    """

    source: str
    target: str
    entries: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if not self.entries:
            raise RequestError("the glossary has no entries; give at least one")
        seen: dict[str, int] = {}
        for number, (term, translation) in enumerate(self.entries, start=1):
            for text in (term, translation):
                _check_text(f"entry {number}", text)
            first = seen.setdefault(" ".join(term.split()), number)
            if first != number:
                raise RequestError(
                    f"entries {first} and {number} have the same source term; keep one of them"
                )

    @property
    def pair(self) -> tuple[str, str]:
        """Source and target."""
        return self.source, self.target

    @property
    def size(self) -> int:
        """UTF-8 bytes of all terms and translations."""
        return sum(len(text.encode()) for entry in self.entries for text in entry)


@dataclasses.dataclass(frozen=True, slots=True)
class StoredGlossary:
    """A glossary of a client: a name, and a dictionary for each language pair. ``created`` is in UTC."""

    identifier: str
    name: str
    created: dt.datetime
    dictionaries: tuple[Dictionary, ...]

    def dictionary(self, source: str, target: str) -> Dictionary:
        """The terms of a pair, whatever the countries of its tags. Raises UnknownResourceError."""
        wanted = primary_subtag(source), primary_subtag(target)
        for dictionary in self.dictionaries:
            if dictionary.pair == wanted:
                return dictionary
        raise UnknownResourceError("the glossary has no dictionary for this language pair")

    @property
    def size(self) -> int:
        """UTF-8 bytes of all terms."""
        return sum(dictionary.size for dictionary in self.dictionaries)


class _GlossaryFile(msgspec.Struct):
    """A glossary on disk, as JSON."""

    format: int
    id: str
    name: str
    created: dt.datetime
    dictionaries: list[tuple[str, str, list[tuple[str, str]]]]


class GlossaryStore:
    """The glossaries of a service. Threads may share it; a change is on disk when its method returns.

    ``folder``: where each glossary is a file. It is made where there is none, and no other process can use
    it meanwhile. None: glossaries last as long as the process. Raises OctavoError for a folder that cannot
    be used and for a file in it that is no glossary.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._changing = threading.Lock()
        """Held while a change is written; reading never waits for it."""
        self._finding = threading.Lock()
        self._glossaries: dict[str, StoredGlossary] = {}
        self._sizes: dict[str, int] = {}
        self._ready: OrderedDict[tuple[int, ...], tuple[tuple[Dictionary, ...], Glossary]] = OrderedDict()
        self._held = contextlib.ExitStack()
        if folder is not None:
            self._open(folder)

    def close(self) -> None:
        """Let other processes use the folder. A second time does nothing."""
        self._held.close()

    def glossaries(self) -> tuple[StoredGlossary, ...]:
        """All glossaries, the oldest first."""
        return tuple(sorted(self._glossaries.values(), key=lambda one: (one.created, one.identifier)))

    def get(self, identifier: str) -> StoredGlossary:
        """Raises UnknownResourceError."""
        found = self._glossaries.get(identifier)
        if found is None:
            raise UnknownResourceError("there is no such glossary")
        return found

    def create(self, name: str, dictionaries: Sequence[Dictionary]) -> StoredGlossary:
        """A new glossary. Raises RequestError, TooLargeError or QuotaError."""
        glossary = StoredGlossary(str(uuid.uuid4()), name, dt.datetime.now(dt.UTC), tuple(dictionaries))
        with self._changing:
            if len(self._glossaries) >= MAX_GLOSSARIES:
                raise QuotaError(f"the service keeps at most {MAX_GLOSSARIES} glossaries; delete one first")
            return self._keep(glossary)

    def change(
        self, identifier: str, name: str | None, dictionaries: Sequence[Dictionary] = ()
    ) -> StoredGlossary:
        """Give a glossary another name, and put entries into the dictionaries of their pairs; for a term that
        is there the new translation counts. All of it happens, or nothing. Raises as ``create`` does, and
        UnknownResourceError."""

        def changed(one: StoredGlossary) -> StoredGlossary:
            found = {dictionary.pair: dictionary for dictionary in one.dictionaries}
            for new in dictionaries:
                old = [found[new.pair]] if new.pair in found else []
                found[new.pair] = dataclasses.replace(new, entries=_merged([new, *old]))
            return dataclasses.replace(one, name=name or one.name, dictionaries=tuple(found.values()))

        return self._change(identifier, changed)

    def put(self, identifier: str, dictionary: Dictionary) -> StoredGlossary:
        """Give a glossary this dictionary, in place of the one of its pair, if there is one. Raises as
        ``change`` does."""

        def changed(one: StoredGlossary) -> StoredGlossary:
            found = {each.pair: each for each in one.dictionaries} | {dictionary.pair: dictionary}
            return dataclasses.replace(one, dictionaries=tuple(found.values()))

        return self._change(identifier, changed)

    def delete(self, identifier: str) -> None:
        """Raises UnknownResourceError."""
        with self._changing:
            self.get(identifier)
            if self._folder is not None:
                try:
                    self._path(self._folder, identifier).unlink(missing_ok=True)
                    durable.sync_entries(self._folder)
                except OSError as error:
                    raise BusyError("the service cannot delete the glossary at the moment", 60) from error
            del self._glossaries[identifier], self._sizes[identifier]

    def delete_dictionary(self, identifier: str, source: str, target: str) -> StoredGlossary:
        """Raises UnknownResourceError where there is none, and RequestError for the last one."""

        def changed(one: StoredGlossary) -> StoredGlossary:
            gone = one.dictionary(source, target)
            if len(one.dictionaries) == 1:
                raise RequestError("this is the only dictionary of the glossary; delete the glossary instead")
            return dataclasses.replace(
                one, dictionaries=tuple(other for other in one.dictionaries if other is not gone)
            )

        return self._change(identifier, changed)

    def glossary(self, identifiers: Sequence[str], source: str, target: str) -> Glossary:
        """The terms of a pair, ready for the search. Of several glossaries that have a term the first counts.

        Raises UnknownResourceError for a glossary that is not there, or has no dictionary for the pair.
        """
        dictionaries = tuple(self.get(one).dictionary(source, target) for one in identifiers)
        key = tuple(map(id, dictionaries))  # of objects that the value keeps alive
        with self._finding:
            if (ready := self._ready.get(key)) is not None:
                self._ready.move_to_end(key)
                return ready[1]
        entries = _merged(dictionaries)
        made = Glossary([Entry(term, (translation,)) for term, translation in entries], source)
        with self._finding:
            self._ready[key] = dictionaries, made
            left = READY_BYTES - sum(one.size for one in dictionaries)
            for other in list(reversed(self._ready))[1:]:
                left -= sum(one.size for one in self._ready[other][0])
                if left < 0:
                    del self._ready[other]
        return made

    def _change(self, identifier: str, changed: Callable[[StoredGlossary], StoredGlossary]) -> StoredGlossary:
        with self._changing:
            return self._keep(changed(self.get(identifier)))

    def _keep(self, glossary: StoredGlossary) -> StoredGlossary:
        _check_text("the name of the glossary", glossary.name)
        pairs = {dictionary.pair for dictionary in glossary.dictionaries}
        if not pairs or len(pairs) < len(glossary.dictionaries):
            raise RequestError("a glossary has at least one dictionary, and one at most for a language pair")
        if (size := glossary.size) > MAX_GLOSSARY_BYTES:
            raise TooLargeError(f"the glossary is larger than {MAX_GLOSSARY_BYTES >> 20} MiB; split it")
        before = self._sizes.get(glossary.identifier, 0)
        if size - before + sum(self._sizes.values()) > MAX_TOTAL_BYTES:
            raise QuotaError(
                f"all glossaries together would be larger than {MAX_TOTAL_BYTES >> 20} MiB; delete some"
            )
        if self._folder is not None:
            try:
                durable.write_file(self._path(self._folder, glossary.identifier), _encoded(glossary))
            except OutputError as error:  # it names the folder, which is not for clients
                raise BusyError("the service cannot store the glossary at the moment", 60) from error
        self._add(glossary, size)
        return glossary

    def _add(self, glossary: StoredGlossary, size: int) -> None:
        self._glossaries[glossary.identifier] = glossary
        self._sizes[glossary.identifier] = size

    def _open(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._held.enter_context(durable.locked(folder))
            for path in sorted(folder.glob("*.json")):
                glossary = _decoded(path)
                self._add(glossary, glossary.size)
        except OSError as error:
            self.close()
            raise OctavoError(
                f"{folder}: glossaries cannot be kept there: {error.strerror or error}"
            ) from error
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _path(folder: Path, identifier: str) -> Path:
        return folder / f"{identifier}.json"


def _merged(dictionaries: Iterable[Dictionary]) -> tuple[tuple[str, str], ...]:
    """Entries of several dictionaries; the first one that has a term counts."""
    found: dict[str, tuple[str, str]] = {}
    for dictionary in dictionaries:
        for entry in dictionary.entries:
            found.setdefault(" ".join(entry[0].split()), entry)
    return tuple(found.values())


def _check_text(what: str, text: str) -> None:
    """Raises RequestError for a text that is blank, too long or has control characters."""
    if not text.strip():
        raise RequestError(f"{what}: a text is blank; write it")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise RequestError(f"{what}: a text is not Unicode") from None
    if size > MAX_TEXT_BYTES:
        raise RequestError(f"{what}: a text is longer than {MAX_TEXT_BYTES} bytes of UTF-8; shorten it")
    if any(ord(one) < 32 or 128 <= ord(one) < 160 or one in "\u2028\u2029" for one in text):
        raise RequestError(f"{what}: a text has control characters or line breaks; remove them")


def _encoded(glossary: StoredGlossary) -> bytes:
    return msgspec.json.encode(
        _GlossaryFile(
            _FORMAT,
            glossary.identifier,
            glossary.name,
            glossary.created,
            [(one.source, one.target, list(one.entries)) for one in glossary.dictionaries],
        )
    )


def _decoded(path: Path) -> StoredGlossary:
    """Raises OctavoError, naming the file."""
    try:
        found = msgspec.json.decode(read_regular(path, _MAX_FILE_BYTES), type=_GlossaryFile)
        if found.format != _FORMAT or found.id != path.stem or found.created.tzinfo is None:
            raise RequestError("its form is another")
        dictionaries = [
            Dictionary(source, target, tuple(entries)) for source, target, entries in found.dictionaries
        ]
    except (msgspec.MsgspecError, RequestError) as error:
        raise OctavoError(f"{path}: is no glossary of this service ({error}); move it away") from error
    return StoredGlossary(found.id, found.name, found.created, tuple(dictionaries))
