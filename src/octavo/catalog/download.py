"""A file from the web: streamed to disk, continued after a break, never larger than it may be."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import time
import urllib.error
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from octavo import durable, interrupt
from octavo.catalog.errors import DownloadError
from octavo.catalog.web import check_url, fetch
from octavo.runs.progress import Progress

_TRIES: Final = 4
_FIRST_WAIT_SECONDS: Final = 0.5
_CHUNK_BYTES: Final = 1 << 16
_MOST_STATE_BYTES: Final = 1 << 16
_MOST_CHECKSUM_BYTES: Final = 1 << 12
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)", re.ASCII)
_BROKEN: Final = (OSError, http.client.HTTPException, UnicodeError)
"""What a connection that breaks raises, or a name of a host that cannot be: URLError is an OSError."""


class Download:
    """The file of a URL, in a folder of its own, in which a later Download of the same URL goes on.

    ``most_bytes`` is the size over which it is refused, at once where the server tells its size.
    """

    def __init__(self, url: str, folder: Path, *, most_bytes: int, progress: Progress) -> None:
        check_url(url)
        self._url = url
        self._folder = folder
        self._most_bytes = most_bytes
        self._progress = progress
        self._received = 0
        self.path = folder / "file"
        self._state_path = folder / "state.json"

    def run(self) -> Path:
        """The whole file. Raises DownloadError, and OutputError or OSError where it cannot be written.

        A break is mended a few times, then raises; what has come is kept where the server can go on there.
        """
        failures = 0
        try:
            while True:
                received = self._received
                reason = self._attempt()
                if reason is None:
                    return self.path
                failures = 0 if self._received > received else failures + 1
                if not self._received or failures == _TRIES:
                    raise DownloadError(f"{self._url}: {reason}")
                time.sleep(_FIRST_WAIT_SECONDS * 2**failures)
        except (DownloadError, KeyboardInterrupt) as error:
            if self._kept()[0]:
                error.add_note("What has come is kept: the same command goes on there")
            raise

    def drop(self) -> None:
        """Forget what has come."""
        self._state_path.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _attempt(self) -> str | None:
        """One request; why it did not bring the rest, None where it did."""
        have, validator = self._kept()
        resume = {"Range": f"bytes={have}-", "If-Range": validator} if have else {}
        try:
            response = fetch(self._url, resume)
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(error, have)
        except _BROKEN as error:
            return _reason(error)
        with response:
            start, total = self._where(response, have)
            if start is None:
                return self._begin_again(have)
            self._check_size(total or 0)
            self._note(response, total)
            return self._receive(response, start, total)

    def _receive(self, response: http.client.HTTPResponse, start: int, total: int | None) -> str | None:
        """Append the body to what there is before ``start``."""
        self._progress.stage("Downloading", total)
        self._progress.advance(start)
        size = start
        with self.path.open("ab") as stream:
            stream.truncate(start)
            while True:
                try:
                    data = response.read1(_CHUNK_BYTES)
                except _BROKEN as error:
                    return _reason(error)
                if not data:
                    break
                size += len(data)
                self._check_size(size)
                stream.write(data)
                self._received += len(data)
                self._progress.advance(len(data))
                interrupt.check()
        return None if total is None or size == total else f"ended after {size:,} of {total:,} bytes"

    def _begin_again(self, have: int) -> str | None:
        """The whole file, since the server does not go on after what there is."""
        if not have:
            raise DownloadError(f"{self._url}: the server sends only a part, and was asked for all of it")
        self.drop()
        return self._attempt()

    def _refused(self, error: urllib.error.HTTPError, have: int) -> str | None:
        """What an answer that is no file means."""
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return None  # it was whole already
            return self._begin_again(have)
        if 300 <= error.code < 400:
            raise DownloadError(f"{self._url}: redirects in a circle, too often, or to no web address")
        reason = f"the server answers {error.code} {error.reason}"
        if error.code >= 500 or error.code == http.HTTPStatus.TOO_MANY_REQUESTS:
            return f"{reason}; try again later"
        raise DownloadError(f"{self._url}: {reason}; check the address")

    def _where(self, response: http.client.HTTPResponse, have: int) -> tuple[int | None, int | None]:
        """Where the body starts in the file, None for a place that it was not asked for; the whole size."""
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != have:
                return None, None
            return have, None if found[2] == "*" else int(found[2])
        return 0, response.length

    def _check_size(self, size: int) -> None:
        if size > self._most_bytes:
            self.drop()
            raise DownloadError(
                f"{self._url}: larger than {self._most_bytes:,} bytes; if it should be, raise --max-size"
            )

    def _kept(self) -> tuple[int, str]:
        """How much is there of the same file, and what the server recognizes the file by."""
        try:
            with self._state_path.open("rb") as stream:
                state: Any = json.loads(stream.read(_MOST_STATE_BYTES))
            url, validator = state["url"], state["validator"]
        except (OSError, ValueError, TypeError, KeyError):
            return 0, ""
        return (self._size(), validator) if url == self._url and validator else (0, "")

    def _note(self, response: http.client.HTTPResponse, total: int | None) -> None:
        """What a later request needs to go on: a strong entity tag, or else the time of the last change."""
        tag = response.headers.get("ETag", "")
        validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
        state = {"url": self._url, "validator": validator, "total": total}
        durable.write_file(self._state_path, json.dumps(state).encode("utf-8"))

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


def sha256_beside(url: str) -> str:
    """The checksum that the file URL.sha256 has as its first word. Raises DownloadError."""
    parts = urlsplit(url)
    beside = urlunsplit(parts._replace(path=f"{parts.path}.sha256"))
    try:
        with fetch(beside, {}) as response:
            words = response.read(_MOST_CHECKSUM_BYTES).decode("ascii", "replace").split()
    except urllib.error.HTTPError as error:
        with error:
            raise DownloadError(f"{beside}: the server answers {error.code} {error.reason}") from error
    except _BROKEN as error:
        raise DownloadError(f"{beside}: {_reason(error)}") from error
    return words[0] if words else ""


def folder_of(url: str, folder: Path) -> Path:
    """The folder for the download of a URL within ``folder``."""
    return folder / hashlib.sha256(url.encode("utf-8")).hexdigest()[:16]


def remove(folder: Path) -> None:
    """Remove a finished download."""
    shutil.rmtree(folder, ignore_errors=True)


def _reason(error: Exception) -> str:
    """What a connection failed of, in words."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "the server was silent for too long"
    if isinstance(cause, http.client.IncompleteRead):
        return "the connection ended too early"
    return f"cannot be fetched: {getattr(cause, 'strerror', None) or cause or type(cause).__name__}"
