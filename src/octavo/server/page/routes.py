"""The web page, as routes: files that the wheel has, read once.

Their headers let the page load nothing from elsewhere, and send nothing elsewhere.
"""

from __future__ import annotations

import hashlib
import importlib.util
from importlib import resources
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from octavo.documents.formats import FORMATS
from octavo.server.settings import ServerSettings

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
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _File:
    """A file of the page, as it goes to clients."""

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


def routes(settings: ServerSettings) -> list[Route]:
    """The page at ``/``, and its files under ``/page/``. All addresses in them are relative, so that the
    service may lie under any prefix."""
    folder = resources.files("octavo.server.page") / "static"
    files = {each.name: _File(each.name, each.read_bytes()) for each in folder.iterdir()}
    files["limits.json"] = _File("limits.json", msgspec.json.encode(_limits(settings)))
    index = files.pop("index.html")
    return [
        Route("/", index.answer),
        *(Route(f"/page/{name}", file.answer) for name, file in sorted(files.items())),
    ]


def _limits(settings: ServerSettings) -> dict[str, object]:
    """What the page says before anything is sent."""
    return {
        "characters": settings.max_text_characters,
        "document_bytes": settings.max_document_bytes,
        "formats": {format_.name: format_.endings for format_ in FORMATS},
        "detects": importlib.util.find_spec("py3langid") is not None,
    }
