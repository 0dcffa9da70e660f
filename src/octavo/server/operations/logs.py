"""The log: a line of JSON or of text for each request and each event, on standard error.

No line holds text of a client, a key or an address. Records of other libraries lose their arguments, and
exceptions their messages, as both may quote a request; an exception has its class and the places it passed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import msgspec

from octavo.server.observation import Observation
from octavo.server.settings import LogFormat

_OURS: Final = "octavo.server"
_MOST_PLACES: Final = 12
_SERVER_ERROR: Final = 500
_BUSY: Final = 503
_HELD_SECONDS: Final = 0.05
"""For how long lines of requests are held, to be written at once: a write of each would let other threads
take the interpreter from the event loop."""


class _Lines:
    """Writes lines to a stream. Those of an event loop are held a moment, unless they tell of an error."""

    def __init__(self, stream: TextIO, line: Callable[[dict[str, Any]], str]) -> None:
        self._stream = stream
        self._line = line
        self._held: list[str] = []
        self._lock = threading.Lock()

    def write(self, level: int, name: str, fields: dict[str, Any], raised: _Raised | None = None) -> None:
        parts = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": logging.getLevelName(level).lower(),
            "event": name,
            **fields,
        }
        if raised is not None:
            parts.setdefault("error", raised[0].__name__)
            parts["at"] = _places(raised[2])
        with self._lock:
            self._held.append(self._line(parts))
            first = len(self._held) == 1
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if level >= logging.ERROR:
            self.flush()
        elif first:
            loop.call_later(_HELD_SECONDS, self.flush)

    def flush(self) -> None:
        with self._lock:
            held, self._held = self._held, []
            if held:
                self._stream.write("\n".join([*held, ""]))
                self._stream.flush()


_Raised = tuple[type[BaseException], BaseException, TracebackType | None]
_lines: _Lines | None = None


def start_log(log_format: LogFormat) -> None:
    """Send the events of the service, and warnings of the libraries under it, to standard error."""
    global _lines
    _lines = _Lines(sys.stderr, _json if log_format == "json" else _text)
    root = logging.getLogger()
    root.handlers[:] = [_Records()]
    root.setLevel(logging.WARNING)
    logging.getLogger(_OURS).setLevel(logging.INFO)
    for library in ("uvicorn.error", "python_multipart"):  # their warnings tell of malformed requests
        logging.getLogger(library).setLevel(logging.ERROR)


def flush() -> None:
    """Write what is held."""
    if _lines is not None:
        _lines.flush()


def event(
    name: str, *, level: int = logging.INFO, raised: BaseException | None = None, **fields: Any
) -> None:
    """Log that something happened. ``fields`` are figures and names that the operator chose."""
    if _lines is not None:
        exception = None if raised is None else (type(raised), raised, raised.__traceback__)
        _lines.write(level, name, fields, exception)


def request_ended(seen: Observation, seconds: float, raised: BaseException | None = None) -> None:
    """Log a request that was answered, or that failed with ``raised``."""
    level = logging.INFO
    if seen.status >= _SERVER_ERROR:
        level = logging.WARNING if seen.status == _BUSY else logging.ERROR
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
        fields["target_tokens"] = seen.target_tokens
    if seen.target:
        fields["pair"] = f"{seen.source or '?'}-{seen.target}"
    if seen.error:
        fields["error"] = seen.error
    event("request", level=level, raised=raised, **fields)


def report_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler of an event loop: log what nobody caught, without its message."""
    event("uncaught", level=logging.ERROR, raised=context.get("exception"))


class _Records(logging.Handler):
    """Takes in what is logged elsewhere: our own messages as they are, of others what is safe."""

    def emit(self, record: logging.LogRecord) -> None:
        ours = record.name.startswith(_OURS)
        message = record.getMessage() if ours else str(record.msg)
        raised = record.exc_info if record.exc_info and record.exc_info[0] is not None else None
        if _lines is not None:
            _lines.write(record.levelno, record.name, {"message": message}, raised)


def _json(parts: dict[str, Any]) -> str:
    return msgspec.json.encode(parts).decode()


def _text(parts: dict[str, Any]) -> str:
    first = f"{parts.pop('time')} {parts.pop('level')} {parts.pop('event')}"
    return " ".join([first, *(f"{name}={_shown(value)}" for name, value in parts.items())])


def _shown(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text


def _places(at: TracebackType | None) -> list[str]:
    """Module files, lines and functions that an exception passed, without the folders they lie in."""
    frames = traceback.extract_tb(at)[-_MOST_PLACES:]
    return [f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames]
