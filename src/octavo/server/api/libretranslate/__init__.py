"""LibreTranslate's API (docs/serve-libretranslate.md)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from octavo.server.api.compressed import COMPRESSED
from octavo.server.api.libretranslate.answers import Handler, answering
from octavo.server.api.libretranslate.files import Files
from octavo.server.api.libretranslate.frontend import Frontend
from octavo.server.api.libretranslate.texts import Texts
from octavo.server.document_store import DocumentStore
from octavo.server.service import Service
from octavo.server.settings import ServerSettings


def routes(service: Service, settings: ServerSettings, documents: DocumentStore) -> list[BaseRoute]:
    """LibreTranslate's addresses, at the root. Documents lie in ``documents``, which the caller closes."""
    texts = Texts(service, max_body_bytes=settings.max_body_bytes, max_texts=settings.max_texts)
    files = Files(service, documents, max_document_bytes=settings.max_document_bytes)
    frontend = Frontend(
        service,
        keys=settings.keys_file is not None,
        character_limit=settings.max_text_characters,
    )
    handlers: list[tuple[str, str, Handler]] = [
        ("POST", "/translate", texts.translate),
        ("POST", "/detect", texts.detect),
        ("POST", "/translate_file", files.translate),
        ("POST", "/suggest", frontend.suggest),
        ("GET", "/frontend/settings", frontend.settings),
        ("GET", "/health", frontend.health),
        ("GET", "/spec", frontend.specification),
    ]
    found: list[BaseRoute] = [
        Route(path, answering(handler), methods=[method]) for method, path, handler in handlers
    ]
    found.append(Route("/languages", answering(texts.languages), methods=["GET"], middleware=COMPRESSED))
    found.append(
        Route("/download_file/{name}", answering(files.download), methods=["GET"], name="download_file")
    )
    return found
