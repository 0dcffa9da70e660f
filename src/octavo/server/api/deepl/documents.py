"""Documents: uploaded, asked after, downloaded once."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from octavo.documents import DocumentError
from octavo.documents.formats import format_of
from octavo.errors import InputError
from octavo.server.api.body import converted, read_fields, uploaded
from octavo.server.api.deepl.answers import answer
from octavo.server.api.deepl.options import Options, check, glossary_of, languages
from octavo.server.api.deepl.usage import Usage
from octavo.server.document_store import (
    DocumentOrder,
    DocumentState,
    DocumentStore,
    StoredDocument,
    safe_name,
)
from octavo.server.errors import RequestError, UnknownResourceError
from octavo.server.glossary_store import GlossaryStore
from octavo.server.service import Service
from octavo.terms import Glossary
from octavo.terms.delimited import read_tsv

_PATIENCE: Final = 1.0
"""Seconds."""


class DocumentOptions(Options, kw_only=True):
    """The fields of a request for a document. ``glossary`` is not DeepL's: it has terms as TSV, in place of a
    glossary that the service keeps."""

    filename: str | None = None
    output_format: str | None = None
    glossary: str | None = None


class DocumentKey(msgspec.Struct):
    """What a client must know of its document."""

    document_key: str


class Documents:
    """Answers about the documents of a store."""

    def __init__(
        self,
        service: Service,
        glossaries: GlossaryStore,
        store: DocumentStore,
        usage: Usage,
        *,
        max_body_bytes: int,
        max_document_bytes: int,
    ) -> None:
        self._service = service
        self._glossaries = glossaries
        self._store = store
        self._usage = usage
        self._max_body_bytes = max_body_bytes
        self._max_document_bytes = max_document_bytes

    async def upload(self, request: Request) -> Response:
        """POST /v2/document."""
        async with uploaded(request, self._max_document_bytes) as upload:
            options = converted(upload.fields, DocumentOptions)
            check(options)
            self._usage.check()
            if upload.file is None:
                raise RequestError("Parameter 'file' not specified.")
            name = safe_name(options.filename or upload.file.filename or "")
            _check_format(name, options.output_format)
            source, target = languages(options, self._service.languages)
            glossary = await self._glossary(options, source, target)
            document = await self._store.add(upload.file, name, DocumentOrder(source, target, glossary))
        return answer({"document_id": document.identifier, "document_key": document.key})

    async def status(self, request: Request) -> Response:
        """POST /v2/document/{id}. The answer waits a little: what is done soon need not be asked for again,
        five seconds later."""
        document = await self._named(request)
        await self._store.finished(document, _PATIENCE)
        content: dict[str, Any] = {"document_id": document.identifier, "status": document.state.value}
        if document.state is DocumentState.TRANSLATING:
            content["seconds_remaining"] = document.seconds_remaining
        if document.state is DocumentState.DONE:
            content["billed_characters"] = document.characters
        if document.state is DocumentState.ERROR:
            content["error_message"] = content["message"] = document.error
        return answer(content)

    async def download(self, request: Request) -> Response:
        """POST /v2/document/{id}/result. The document is gone after it."""
        document = await self._named(request)
        if document.state is DocumentState.ERROR:
            raise RequestError(f"the document was not translated: {document.error}")
        if document.state is not DocumentState.DONE:
            return answer({"message": "the document is not translated yet"}, 503)
        self._store.take(document)
        self._usage.add(document.characters)
        return FileResponse(
            document.path,
            media_type="application/octet-stream",
            filename=document.name,
            background=BackgroundTask(self._store.remove, document),
        )

    async def forget(self, request: Request) -> Response:
        """DELETE /v2/document/{id}, which DeepL does not have: nobody wants it any more."""
        self._store.remove(await self._named(request))
        return Response(status_code=204)

    async def _glossary(self, options: DocumentOptions, source: str | None, target: str) -> Glossary | None:
        if not options.glossary:
            return await glossary_of(options, self._glossaries, source, target)
        if options.glossary_id or options.glossary_ids:
            raise RequestError("'glossary' and 'glossary_id' cannot be used together")
        return await asyncio.to_thread(_terms, options.glossary, source or "")

    async def _named(self, request: Request) -> StoredDocument:
        """The document that the request is about. A wrong key is answered as a document that is not there."""
        wanted = converted(await read_fields(request, self._max_body_bytes), DocumentKey)
        document = self._store.get(request.path_params["document_id"])
        if not document.has_key(wanted.document_key):
            raise UnknownResourceError("there is no such document, or it is no longer kept")
        return document


def _terms(table: str, language: str) -> Glossary:
    """Raises RequestError for a table that is no glossary."""
    try:
        return Glossary(read_tsv(table.encode(), "'glossary'"), language)
    except InputError as error:
        raise RequestError(str(error)) from error


def _check_format(name: str, output_format: str | None) -> None:
    """Raises RequestError where a document should come back as another kind."""
    if not output_format:
        return
    try:
        same = format_of(name).name == format_of(f"x.{output_format.lower().removeprefix('.')}").name
    except DocumentError:
        same = False
    if not same:
        raise RequestError("'output_format' is not supported: a document comes back in its own format")
