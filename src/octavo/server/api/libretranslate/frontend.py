"""What pages and programs ask before they begin: settings, health, the description of the API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from octavo.server.api.libretranslate.answers import answer, refused
from octavo.server.api.libretranslate.specification import SPECIFICATION
from octavo.server.document_store import ENDINGS
from octavo.server.service import Service
from octavo.text.language_names import language_name

_FRONTEND_TIMEOUT_MS = 500
"""How long a page waits after a key press before it asks."""


class Frontend:
    """Answers about the service."""

    def __init__(self, service: Service, *, keys: bool, character_limit: int) -> None:
        self._service = service
        self._keys = keys
        self._character_limit = character_limit

    async def settings(self, _: Request) -> Response:
        """GET /frontend/settings."""
        target = next((pair.target for pair in self._service.languages.pairs()), "en")
        return answer(
            {
                "apiKeys": self._keys,
                "charLimit": self._character_limit,
                "filesTranslation": True,
                "frontendTimeout": _FRONTEND_TIMEOUT_MS,
                "keyRequired": self._keys,
                "language": {
                    "source": {"code": "auto", "name": "Auto Detect"},
                    "target": {"code": target, "name": language_name(target)},
                },
                "suggestions": False,
                "supportedFilesFormat": list(ENDINGS),
            }
        )

    async def health(self, _: Request) -> Response:
        """GET /health."""
        return answer({"status": "ok"})

    async def specification(self, _: Request) -> Response:
        """GET /spec: OpenAPI."""
        return answer(SPECIFICATION)

    async def suggest(self, _: Request) -> Response:
        """POST /suggest: refused, as servers do where nobody has turned suggestions on."""
        return refused("this service takes no suggestions", 403)
