"""Documents: translated in one request, and fetched under an address that is told."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from octavo.server.api.body import converted, uploaded
from octavo.server.api.libretranslate.answers import answer, check_key
from octavo.server.api.libretranslate.texts import languages
from octavo.server.document_store import DocumentOrder, DocumentState, DocumentStore
from octavo.server.errors import RequestError, UnknownResourceError
from octavo.server.service import Service


class FileRequest(msgspec.Struct):
    """The fields of a request to translate a document."""

    source: str = ""
    target: str = ""


class Files:
    """Answers about documents."""

    def __init__(self, service: Service, store: DocumentStore, *, max_document_bytes: int) -> None:
        self._service = service
        self._store = store
        self._max_document_bytes = max_document_bytes

    async def translate(self, request: Request) -> Response:
        """POST /translate_file. The answer comes when the document is translated."""
        async with uploaded(request, self._max_document_bytes) as upload:
            check_key(request, upload.fields)
            asked = converted(upload.fields, FileRequest)
            if upload.file is None or not upload.file.filename:
                raise RequestError("Invalid request: missing file parameter")
            for name in ("source", "target"):
                if not getattr(asked, name):
                    raise RequestError(f"Invalid request: missing {name} parameter")
            source, target = languages(asked.source, asked.target, self._service.languages)
            order = DocumentOrder(source, target)
            document = await self._store.add(upload.file, upload.file.filename, order)
        try:
            await self._store.finished(document)
        except asyncio.CancelledError:  # the client has gone
            self._store.remove(document)
            raise
        if document.state is DocumentState.ERROR:
            self._store.remove(document)
            raise RequestError(document.error)
        name = quote(f"{document.identifier}.{document.name}", safe="")
        path = request.app.url_path_for("download_file", name=name)
        return answer({"translatedFileUrl": str(path.make_absolute_url(request.base_url))})

    async def download(self, request: Request) -> Response:
        """GET /download_file/{name}, as often as it is there."""
        document = self._store.get(request.path_params["name"].partition(".")[0])
        if document.state is not DocumentState.DONE:
            raise UnknownResourceError("there is no such document, or it is no longer kept")
        return FileResponse(document.path, media_type="application/octet-stream", filename=document.name)
