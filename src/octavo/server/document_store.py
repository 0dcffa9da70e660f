"""Documents that clients have uploaded: on disk until they are translated and fetched."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import hmac
import logging
import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Self

from starlette.datastructures import UploadFile

from octavo.documents.formats import FORMATS
from octavo.server.documents import DocumentAnswer
from octavo.server.errors import (
    BusyError,
    DrainingError,
    RequestError,
    ServiceError,
    TooLargeError,
    UnknownResourceError,
)
from octavo.server.failures import log_failure
from octavo.server.service import Service
from octavo.server.settings import ServerSettings
from octavo.terms import Glossary

ENDINGS: Final = tuple(ending for one in FORMATS for ending in one.endings)
"""Of the names of documents that are translated, each with its dot."""

EXPIRY: Final = 3600.0
"""Seconds that a translated document is kept."""

MAX_STORED_BYTES: Final = 2 << 30
"""Of all documents on disk at once, uploaded and translated."""

_UNKNOWN_SECONDS: Final = 10
_MOST_NAME: Final = 200
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NO_ROOM: Final = "the service has no room for documents at the moment"

_log = logging.getLogger(__name__)


class DocumentState(enum.StrEnum):
    """What has become of a document."""

    QUEUED = "queued"
    TRANSLATING = "translating"
    DONE = "done"
    ERROR = "error"


@dataclasses.dataclass(frozen=True, slots=True)
class DocumentOrder:
    """How a document is to be translated: from ``source`` (None: found out) to ``target``, language tags as
    the models state them."""

    source: str | None
    target: str
    glossary: Glossary | None = None


@dataclasses.dataclass(slots=True, eq=False)
class StoredDocument:
    """A document under way. ``name`` is safe to show and to store; ``done`` of ``total`` passages are
    translated; ``characters`` are those of its text, once it is; ``error`` says why it failed. ``key`` is a
    secret of the client that sent it."""

    name: str
    path: Path
    size: int
    identifier: str = dataclasses.field(default_factory=lambda: secrets.token_hex(16).upper())
    key: str = dataclasses.field(default_factory=lambda: secrets.token_hex(32).upper())
    state: DocumentState = DocumentState.QUEUED
    done: int = 0
    total: int = 0
    started: float = 0.0
    characters: int = 0
    error: str = ""
    task: asyncio.Task[None] | None = None
    expiry: asyncio.TimerHandle | None = None

    @property
    def under_way(self) -> bool:
        """Whether it waits or is translated."""
        return self.state in (DocumentState.QUEUED, DocumentState.TRANSLATING)

    @property
    def seconds_remaining(self) -> int:
        """An estimate from what is done; 1 at least."""
        if not self.done:
            return _UNKNOWN_SECONDS
        a_passage = (time.monotonic() - self.started) / self.done
        return max(1, round(a_passage * (self.total - self.done)))

    def begin(self) -> None:
        """Its turn has come."""
        self.state = DocumentState.TRANSLATING
        self.started = time.monotonic()

    def advance(self, done: int, total: int) -> None:
        """So many passages of all are translated."""
        self.done, self.total = done, total

    def fail(self, why: str) -> None:
        """It will not be translated."""
        self.state = DocumentState.ERROR
        self.error = why

    def has_key(self, key: str) -> bool:
        """Whether ``key`` is its key. The time that it takes does not show how much of it is right."""
        return hmac.compare_digest(self.key.encode(), key.encode(errors="replace"))


class DocumentStore:
    """Documents of clients, in a folder of its own. It belongs to one event loop, and is a context manager;
    at the end of the block, after that of the loop, the folder is removed.

    As many documents as ``settings`` says wait or are translated, a few of them side by side: the others stay
    on disk.
    """

    def __init__(self, service: Service, settings: ServerSettings) -> None:
        self._service = service
        self._most_bytes = settings.max_document_bytes
        self._most_waiting = settings.max_waiting_documents
        self._turns = asyncio.Semaphore(settings.bulk_threads)
        self._documents: dict[str, StoredDocument] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._documents.clear()
        if self._folder is not None:
            self._folder.cleanup()

    async def add(self, file: UploadFile, name: str, order: DocumentOrder) -> StoredDocument:
        """Keep a copy of ``file`` and have it translated. Raises ServiceError where it is not taken."""
        name = safe_name(name)
        ending = PurePosixPath(name).suffix.lower()
        if ending not in ENDINGS:
            raise RequestError(f"the document is of no known kind: its name must end in {' '.join(ENDINGS)}")
        size = file.size or 0
        if size > self._most_bytes:
            raise TooLargeError(f"a document may have {self._most_bytes} bytes")
        everything = self._documents.values()
        if sum(one.under_way for one in everything) >= self._most_waiting:
            raise BusyError("as many documents are waiting as may; try again later", 30)
        if size + sum(one.size for one in everything) > MAX_STORED_BYTES:
            raise BusyError(_NO_ROOM, 60)
        try:
            document = StoredDocument(name, self._new_path(ending), size)
        except OSError as error:
            raise BusyError(_NO_ROOM, 60) from error
        self._documents[document.identifier] = document
        try:
            await asyncio.to_thread(_copy, file.file, document.path)
        except OSError as error:
            self.remove(document)
            raise BusyError(_NO_ROOM, 60) from error
        document.task = asyncio.create_task(self._translate(document, order))
        return document

    def get(self, identifier: str) -> StoredDocument:
        """Raises UnknownResourceError for one that was never there, and for one that is gone."""
        found = self._documents.get(identifier)
        if found is None:
            raise UnknownResourceError("there is no such document, or it is no longer kept")
        return found

    async def finished(self, document: StoredDocument, timeout: float | None = None) -> None:
        """Wait until it is translated, or has failed, but no longer than so many seconds."""
        if document.task is not None:
            await asyncio.wait([document.task], timeout=timeout)

    def take(self, document: StoredDocument) -> None:
        """Nobody else finds it from now on; its file is there until ``remove``."""
        self._documents.pop(document.identifier, None)

    def remove(self, document: StoredDocument) -> None:
        """Give its translation up, where it is under way, and delete it. A second time does nothing."""
        self._documents.pop(document.identifier, None)
        if document.task is not None and not document.task.done():
            document.task.cancel()
        if document.expiry is not None:
            document.expiry.cancel()
        with contextlib.suppress(OSError):
            document.path.unlink(missing_ok=True)

    def _new_path(self, ending: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="octavo-documents-", ignore_cleanup_errors=True)
        return Path(self._folder.name) / f"{secrets.token_hex(16)}{ending}"

    async def _translate(self, document: StoredDocument, order: DocumentOrder) -> None:
        try:
            async with self._turns:
                document.begin()
                data = await asyncio.to_thread(document.path.read_bytes)
                translated = await self._translated(document, data, order)
                await asyncio.to_thread(document.path.write_bytes, translated.content)
                document.size = len(translated.content)
                document.characters = translated.characters
            document.state = DocumentState.DONE
        except ServiceError as error:
            document.fail(str(error))
        except OSError:
            document.fail(_NO_ROOM)
        except Exception as error:  # noqa: BLE001 - it must not stay under way for ever
            log_failure(_log, "a document", error)
            document.fail("the service failed; its log says more")
        document.expiry = asyncio.get_running_loop().call_later(EXPIRY, self.remove, document)

    async def _translated(
        self, document: StoredDocument, data: bytes, order: DocumentOrder
    ) -> DocumentAnswer:
        while True:
            try:
                return await self._service.translate_document(
                    data,
                    f"document{document.path.suffix}",
                    source=order.source,
                    target=order.target,
                    glossary=order.glossary,
                    progress=document.advance,
                )
            except DrainingError:
                raise
            except BusyError as error:  # with documents of other APIs: this one was accepted, and waits
                await asyncio.sleep(error.retry_after)


def safe_name(name: str) -> str:
    """The last part of a name that may be a path, without what cannot be shown, and not too long."""
    last = _UNFIT.sub("", name.replace("\\", "/").rpartition("/")[2]).strip()
    ending = PurePosixPath(last).suffix[:20]
    return f"{last.removesuffix(ending)[: _MOST_NAME - len(ending)]}{ending}"


def _copy(source: BinaryIO, path: Path) -> None:
    source.seek(0)
    with path.open("xb") as stream:
        shutil.copyfileobj(source, stream)
