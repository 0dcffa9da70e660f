"""The log: a line of JSON or of text for each request and each event, on standard error.

No line holds text of a client, a key or an address. Records of other libraries lose their arguments, and
exceptions their messages, as both may quote a request; an exception has its class and the places it passed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec

from octavo.server.observation import Observation
from octavo.server.settings import LogFormat

_LOG: Final = logging.getLogger("octavo.server")
_MOST_PLACES: Final = 12
_SERVER_ERROR: Final = 500
_BUSY: Final = 503


def start_log(log_format: LogFormat) -> None:
    """Send the records of the service, and warnings of the libraries under it, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if log_format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOG.setLevel(logging.INFO)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # its warnings tell of malformed requests


def event(
    name: str, *, level: int = logging.INFO, raised: BaseException | None = None, **fields: Any
) -> None:
    """Log that something happened. ``fields`` are figures and names that the operator chose."""
    exc_info = (type(raised), raised, raised.__traceback__) if raised is not None else None
    _LOG.log(level, name, extra={"fields": fields}, exc_info=exc_info)


def request_ended(seen: Observation, seconds: float, raised: BaseException | None = None) -> None:
    """Log a request that was answered, or that failed with ``raised``."""
    level = logging.INFO
    if seen.status >= _SERVER_ERROR:
        level = logging.WARNING if seen.status == _BUSY else logging.ERROR
    if not _LOG.isEnabledFor(level):
        return
    fields: dict[str, Any] = {
        "request_id": seen.request_id,
        "method": seen.method,
        "route": seen.route,
        "status": seen.status,
        "ms": round(1000 * seconds, 1),
    }
    if seen.key_name is not None:
        fields["key_name"] = seen.key_name
    if seen.texts:
        fields["texts"] = seen.texts
        fields["characters"] = seen.characters
    if seen.target:
        fields["pair"] = f"{seen.source or '?'}-{seen.target}"
    if seen.error:
        fields["error"] = seen.error
    event("request", level=level, raised=raised, **fields)


def report_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler of an event loop: log what nobody caught, without its message."""
    event("uncaught", level=logging.ERROR, raised=context.get("exception"))


class _Lines(logging.Formatter):
    """The parts of a record that are safe to write."""

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        parts: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if hasattr(record, "fields"):
            parts |= {"event": record.msg, **record.fields}
        else:
            ours = record.name.startswith(_LOG.name)
            parts |= {"event": record.name, "message": record.getMessage() if ours else str(record.msg)}
        if record.exc_info and record.exc_info[0] is not None:
            parts.setdefault("error", record.exc_info[0].__name__)
            parts["at"] = _places(record.exc_info[2])
        return parts


class _JsonLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(self.parts(record)).decode()


class _TextLines(_Lines):
    def format(self, record: logging.LogRecord) -> str:
        parts = self.parts(record)
        first = f"{parts.pop('time')} {parts.pop('level')} {parts.pop('event')}"
        return " ".join([first, *(f"{name}={_shown(value)}" for name, value in parts.items())])


def _shown(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text


def _places(at: TracebackType | None) -> list[str]:
    """Module files, lines and functions that an exception passed, without the folders they lie in."""
    frames = traceback.extract_tb(at)[-_MOST_PLACES:]
    return [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames]
