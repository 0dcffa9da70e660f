"""Files for browsers, read once. Their headers let a page load nothing from elsewhere, and send nothing
elsewhere."""

from __future__ import annotations

import hashlib
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS: Final = {
    # A browser may keep the files, and asks each time whether they have changed.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class StaticFile:
    """A file, as it goes to clients. The ending of its ``name`` says what it is."""

    def __init__(self, name: str, content: bytes) -> None:
        self.content = content
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        self.headers = {**_HEADERS, "Content-Type": _TYPES[name[name.rindex(".") :]], "ETag": etag}

    async def answer(self, request: Request) -> Response:
        """The file, or 304 where the client has it."""
        known = request.headers.get("If-None-Match", "")
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        if tags & {self.headers["ETag"], "*"}:
            return Response(status_code=304, headers=self.headers)
        return Response(self.content, headers=self.headers)
