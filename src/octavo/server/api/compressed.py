"""Answers that are compressed for the clients that can read it."""

from __future__ import annotations

from typing import Final

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

COMPRESSED: Final = (Middleware(GZipMiddleware, minimum_size=1024, compresslevel=6),)
"""Middleware of routes whose answers grow with the square of the languages, and repeat themselves."""
