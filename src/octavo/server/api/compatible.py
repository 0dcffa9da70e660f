"""The APIs of other services, so that their clients can use this one: DeepL's and LibreTranslate's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from starlette.routing import BaseRoute

from octavo.server.api import deepl, libretranslate
from octavo.server.document_store import DocumentStore
from octavo.server.glossary_store import GlossaryStore
from octavo.server.service import Service
from octavo.server.settings import ServerSettings


@contextmanager
def compatible_routes(service: Service, settings: ServerSettings) -> Iterator[list[BaseRoute]]:
    """Their routes. The block is as long as the service runs: documents of clients are deleted at its end.

    Glossaries are those of ``service``; where it has none, clients' glossaries last as long as the block.
    """
    with ExitStack() as stack:
        for_deepl, for_libretranslate = (
            stack.enter_context(DocumentStore(service, settings)) for _ in range(2)
        )
        glossaries = service.glossaries or GlossaryStore()
        yield [
            *deepl.routes(service, settings, glossaries, for_deepl),
            *libretranslate.routes(service, settings, for_libretranslate),
        ]
