"""What an operator sets: where the service listens, its limits, and how long it waits for whom."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal

LogFormat = Literal["text", "json"]


@dataclasses.dataclass(frozen=True, slots=True)
class ServerSettings:
    """The settings of one service, all with defaults that suit one machine. Times are in seconds, sizes in
    bytes; a limit is on one request unless it says otherwise."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes any free port."""
    unix_socket: Path | None = None
    """Listen on this socket of the file system, not on ``host`` and ``port``."""

    keys_file: Path | None = None
    """API keys, hashed; None: whoever reaches the service may use it."""
    public_metrics: bool = True
    """/metrics needs no key."""
    allowed_origins: tuple[str, ...] = ()
    """Web pages from elsewhere that may use the service (CORS); "*": all."""

    max_body_bytes: int = 4 << 20
    max_document_bytes: int = 32 << 20
    """The same for uploads of documents."""
    max_texts: int = 1024
    max_text_characters: int = 100_000
    """Of one text."""
    text_threads: int = 64
    """Requests that hand texts to the engine side by side: their sentences share its batches."""
    bulk_threads: int = 2
    """The same for documents, and for texts of the lowest priority."""
    max_waiting_characters: int = 1_000_000
    """Of all texts under way; what is more is told to come back (503)."""
    max_waiting_documents: int = 32
    """Documents under way."""
    character_limit: int | None = None
    """Of all texts of clients of DeepL's API, from the start of the service; None: as many as they like."""
    max_requests: int = 256
    """Requests under way at once; more are told to come back (503)."""
    max_requests_per_key: int = 128
    """Those of one API key; more are told that there are too many (429)."""
    max_bytes_held: int = 256 << 20
    """Of the bodies of all requests that are being read or are under way; more are told to come back."""
    max_connections: int = 0
    """Open connections at once, idle ones too; 0: as many as the process may have files, less a reserve."""

    translation_timeout: float = 60.0
    """From the whole request to its answer; a document's has no limit."""
    head_timeout: float = 10.0
    """From the first byte of a request, or a new connection, to the end of its headers."""
    body_timeout: float = 60.0
    """From the end of the headers to the end of the body."""
    write_timeout: float = 60.0
    """How long a client may take nothing of an answer that waits for it."""
    keep_alive: float = 75.0
    """How long a connection may be idle between two requests."""
    grace: float = 30.0
    """How long requests under way may take to end after SIGTERM."""

    log_format: LogFormat = "text"
