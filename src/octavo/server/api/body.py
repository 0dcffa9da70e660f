"""What a client sent, as JSON or as a form: its fields by name."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from octavo.server.errors import BusyError, RequestError, TooLargeError

MAX_FIELDS: Final = 2048
_MOST_PART: Final = 1 << 20
"""Bytes of a field of a form that is no file."""

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"

StructT = TypeVar("StructT", bound=msgspec.Struct)


@dataclasses.dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file, which lies on disk where it is large. ``file`` is None where none was sent."""

    fields: dict[str, Any]
    file: UploadFile | None


async def read_fields(request: Request, most_bytes: int, lists: Collection[str] = ()) -> dict[str, Any]:
    """The fields of a request: of its address, and over these those of its body, which is JSON or a form.

    A field of a form is a str, the first where it comes several times; those of ``lists`` are lists of str.
    Raises RequestError for what cannot be read, TooLargeError for more than ``most_bytes``.
    """
    fields = _by_name(request.query_params.multi_items(), lists)
    kind = _media_type(request)
    if kind == _MULTIPART:
        async with uploaded(request, most_bytes, lists) as upload:
            return fields | upload.fields
    body = b"".join([chunk async for chunk in _chunks(request, most_bytes)])
    if not body:
        return fields
    if kind == _FORM:
        return fields | _by_name(_form(body), lists)
    if kind != "application/json" and not kind.endswith("+json"):
        raise RequestError(f"the body has no Content-Type that is read: send application/json or {_FORM}")
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RequestError("the body is no valid JSON in UTF-8") from error
    if not isinstance(decoded, dict):
        raise RequestError("the body must be a JSON object")
    return fields | decoded


@asynccontextmanager
async def uploaded(
    request: Request, most_bytes: int, lists: Collection[str] = ()
) -> AsyncGenerator[Upload, None]:
    """The fields and the file of a form; the file lasts as long as the block.

    Raises RequestError for what is no such form, TooLargeError for more than ``most_bytes``, and BusyError
    where there is no room for the file.
    """
    if _media_type(request) != _MULTIPART:
        raise RequestError(f"a document comes as a form: send {_MULTIPART}")
    parser = _WholeForm(
        request.headers,
        _chunks(request, most_bytes),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=_MOST_PART,
    )
    try:
        form = await _parsed(parser)
        texts = [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        yield Upload(_by_name(texts, lists), parser.files[0] if parser.files else None)
    finally:
        for file in parser.files:
            await file.close()


def converted(fields: dict[str, Any], kind: type[StructT]) -> StructT:
    """Fields as a Struct; numbers and switches may be strings. Raises RequestError, which names the field."""
    try:
        return msgspec.convert(fields, kind, strict=False)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise RequestError(f"Bad request. Reason: {error}") from error


class _WholeForm(MultiPartParser):
    """A parser that knows whether the form came to its end, and all files that it has opened."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ended = False
        self.files: list[UploadFile] = []

    def on_headers_finished(self) -> None:
        """The headers of a part have come."""
        super().on_headers_finished()
        if self._current_part.file is not None:
            self.files.append(self._current_part.file)

    def on_end(self) -> None:
        """The last boundary has come."""
        self.ended = True


async def _parsed(parser: _WholeForm) -> FormData:
    """Raises RequestError, and BusyError where there is no room for a file."""
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError("the form is not valid, or has more than one file") from error
    except OSError as error:
        raise BusyError("the service has no room for documents at the moment", 60) from error
    except ValueError as error:  # a charset that decodes nothing
        raise RequestError("the form is in an encoding that is not known") from error
    if not parser.ended:
        raise RequestError("the form ends before its last boundary")
    return form


async def _chunks(request: Request, most_bytes: int) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                raise TooLargeError(f"the request is larger than {most_bytes} bytes")
            yield chunk
    except ClientDisconnect as error:
        raise RequestError("the request ended before its body") from error


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise RequestError(f"the form is no UTF-8, or has more than {MAX_FIELDS} fields") from error


def _by_name(items: list[tuple[str, str]], lists: Collection[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in items:
        if name in lists:
            found.setdefault(name, []).append(value)
        else:
            found.setdefault(name, value)
    return found
