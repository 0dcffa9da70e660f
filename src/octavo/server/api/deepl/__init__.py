"""DeepL's API, versions 2 and 3, as far as its official clients use it (docs/serve-deepl.md)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from octavo.server.api.compressed import COMPRESSED
from octavo.server.api.deepl.account import (
    Account,
    no_style_rules,
    no_translation_memories,
    nothing_of_the_kind,
)
from octavo.server.api.deepl.answers import Handler, answering
from octavo.server.api.deepl.documents import Documents
from octavo.server.api.deepl.glossaries import Glossaries
from octavo.server.api.deepl.texts import Texts
from octavo.server.api.deepl.usage import Usage
from octavo.server.document_store import DocumentStore
from octavo.server.glossary_store import GlossaryStore
from octavo.server.service import Service
from octavo.server.settings import ServerSettings


def routes(
    service: Service, settings: ServerSettings, glossaries: GlossaryStore, documents: DocumentStore
) -> list[BaseRoute]:
    """Everything under /v2 and /v3. Glossaries and documents lie in these stores, which the caller closes."""
    most = settings.max_body_bytes
    usage = Usage(settings.character_limit)
    account = Account(service, usage, max_body_bytes=most)
    texts = Texts(service, glossaries, usage, max_body_bytes=most)
    uploads = Documents(
        service,
        glossaries,
        documents,
        usage,
        max_body_bytes=most,
        max_document_bytes=settings.max_document_bytes,
    )
    lists = Glossaries(glossaries)
    one_v2, one_v3 = "/v2/glossaries/{glossary_id}", "/v3/glossaries/{glossary_id}"
    handlers: list[tuple[str, str, Handler]] = [
        ("POST", "/v2/translate", texts.translate),
        ("POST", "/v2/document", uploads.upload),
        ("POST", "/v2/document/{document_id}", uploads.status),
        ("DELETE", "/v2/document/{document_id}", uploads.forget),
        ("POST", "/v2/document/{document_id}/result", uploads.download),
        ("GET", "/v2/usage", account.usage),
        ("POST", "/v2/glossaries", lists.create),
        ("GET", "/v2/glossaries", lists.list),
        ("GET", one_v2, lists.get),
        ("DELETE", one_v2, lists.delete),
        ("GET", f"{one_v2}/entries", lists.entries),
        ("POST", "/v3/glossaries", lists.create_multilingual),
        ("GET", "/v3/glossaries", lists.list_multilingual),
        ("GET", one_v3, lists.get_multilingual),
        ("PATCH", one_v3, lists.change),
        ("DELETE", one_v3, lists.delete),
        ("GET", f"{one_v3}/entries", lists.multilingual_entries),
        ("PUT", f"{one_v3}/dictionaries", lists.replace_dictionary),
        ("DELETE", f"{one_v3}/dictionaries", lists.delete_dictionary),
        ("GET", "/v2/style_rules", no_style_rules),
        ("GET", "/v3/style_rules", no_style_rules),
        ("GET", "/v3/translation_memories", no_translation_memories),
    ]
    large: list[tuple[str, Handler]] = [
        ("/v2/languages", account.languages),
        ("/v2/glossary-language-pairs", account.glossary_pairs),
    ]
    found: list[BaseRoute] = [
        *(Route(path, answering(handler), methods=[method]) for method, path, handler in handlers),
        *(Route(path, answering(handler), methods=["GET"], middleware=COMPRESSED) for path, handler in large),
    ]
    every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    absent = answering(nothing_of_the_kind)
    return [
        *found,
        Route("/v2/write/{rest:path}", absent, methods=every),
        Route("/v3/style_rules", absent, methods=["POST"]),
        Route("/v3/style_rules/{rest:path}", absent, methods=every),
        Route("/v3/translation_memories/{rest:path}", absent, methods=every),
    ]
