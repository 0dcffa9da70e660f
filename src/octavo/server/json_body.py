"""The body of a request as JSON of a stated form, or an error that says what is wrong with it."""

from __future__ import annotations

import codecs
import functools
import re
from email.message import Message
from typing import Final, TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from octavo.server.errors import FieldError, RequestError

T = TypeVar("T")
_PLACE: Final = re.compile(r"(?s)(.*?)(?: - at `(.*)`)?$")


async def json_body(request: Request, decoder: msgspec.json.Decoder[T]) -> T:
    """The decoded body. Raises RequestError for one that is not JSON, or not of the form that is wanted, and
    HTTPException (415) for another media type or encoding."""
    if obstacle := _obstacle(request.headers.get("content-type", "")):
        raise HTTPException(415, obstacle)
    return decoded(await request.body(), decoder)


def decoded(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    """JSON of the form that is wanted. Raises RequestError."""
    data = bytes(body).removeprefix(codecs.BOM_UTF8)
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        message, place = _told(str(error))
        raise FieldError(message, place) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"the body is not JSON: {error}") from error
    except RecursionError:
        raise RequestError("the body is not JSON: it is nested too deeply") from None


def _told(message: str) -> tuple[str, str]:
    found = _PLACE.match(message)
    return (found[1], found[2] or "$") if found else (message, "$")


@functools.lru_cache(256)
def _obstacle(stated: str) -> str | None:
    """Why a body of this Content-Type is not read; None where it is."""
    parsed = Message()
    parsed["content-type"] = stated or "text/plain"
    kind = parsed.get_content_type()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        return "the body must be JSON: send it with Content-Type: application/json"
    if parsed.get_content_charset("utf-8") not in ("utf-8", "utf8", "us-ascii"):
        return "JSON is written in UTF-8: send it so, and without another charset"
    return None
