"""Who may use the service: API keys, where the operator has made some."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from octavo.server.observation import observed
from octavo.server.operations.keys import KeyFile
from octavo.server.operations.refusals import NO_KEY, WRONG_KEY, Refusal

OPEN_PATHS: Final = frozenset(
    {
        *("/", "/docs", "/openapi.json", "/livez", "/readyz"),
        *("/health", "/languages", "/frontend/settings", "/spec"),
    }
)
"""Paths that need no key: how the service is, what it offers, and the page that asks for a key."""

OPEN_FOLDERS: Final = ("/docs/", "/page/", "/download_file/")
"""What needs no key in these: files of pages, and documents under names that nobody can guess."""

KEYS_IN_BODIES: Final = frozenset({"/translate", "/detect", "/translate_file"})
"""Paths of LibreTranslate's API, whose clients send the key as ``api_key``."""

_SCHEMES: Final = ("bearer", "deepl-auth-key")
_LATER: Final = "octavo.key_comes_later"


class Authentication:
    """An ASGI application around another one, which gets only requests with a key of the file.

    The key comes in Authorization, after Bearer or DeepL-Auth-Key. ``open_paths`` need none, nor do requests
    of browsers before the real one (OPTIONS). A request for one of KEYS_IN_BODIES goes through without:
    what handles it calls ``body_key_refusal``.
    """

    def __init__(self, app: ASGIApp, keys: KeyFile, *, open_paths: frozenset[str] = OPEN_PATHS) -> None:
        self._app = app
        self._keys = keys
        self._open_paths = open_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)):
            await refusal.send(send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        path: str = scope["path"]
        if path in self._open_paths or path.startswith(OPEN_FOLDERS) or scope["method"] == "OPTIONS":
            return None
        key = _key_in_header(scope)
        if key is None and path in KEYS_IN_BODIES:
            scope[_LATER] = self._keys
            return None
        return _judged(key, self._keys)


def body_key_refusal(scope: Scope, key: str | None) -> Refusal | None:
    """Why a request that has ``key`` in its body or its query is not to be answered; None where it is.

    For what handles a path of KEYS_IN_BODIES, before it does anything else. Without a file of keys, and
    for a request that had its key in a header, everything is answered.
    """
    keys = scope.get(_LATER)
    return None if keys is None else _judged(key, keys)


def _judged(key: str | None, keys: KeyFile) -> Refusal | None:
    if not key:
        return NO_KEY
    name = keys.name_of(key)
    if name is None:
        return WRONG_KEY
    observed().key_name = name
    return None


def _key_in_header(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.decode("latin-1").partition(" ")
            if scheme.lower() in _SCHEMES:
                stripped: str = key.strip()
                return stripped
    return None
