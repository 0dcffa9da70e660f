"""Glossaries: those of /v2/glossaries have one language pair each, those of /v3/glossaries any number."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from octavo.server.api.body import converted, read_fields
from octavo.server.api.deepl.answers import answer
from octavo.server.api.deepl.entries import dictionary_of, tsv_of
from octavo.server.errors import RequestError, UnknownResourceError
from octavo.server.glossary_store import MAX_GLOSSARY_BYTES, Dictionary, GlossaryStore, StoredGlossary

_MAX_BODY_BYTES: Final = 2 * MAX_GLOSSARY_BYTES
_TSV: Final = "text/tab-separated-values"


class NewDictionary(msgspec.Struct):
    """A dictionary as a client sends it."""

    source_lang: str
    target_lang: str
    entries: str
    entries_format: str = "tsv"

    def read(self) -> Dictionary:
        """Raises RequestError."""
        return dictionary_of(self.source_lang, self.target_lang, self.entries, self.entries_format)


class NewGlossary(NewDictionary, kw_only=True):
    """A glossary of v2."""

    name: str


class NewMultilingualGlossary(msgspec.Struct):
    """A glossary of v3."""

    name: str
    dictionaries: list[NewDictionary]


class GlossaryChange(msgspec.Struct):
    """What is changed of a glossary of v3."""

    name: str | None = None
    dictionaries: list[NewDictionary] = []


class LanguagePair(msgspec.Struct):
    """The dictionary that is meant."""

    source_lang: str
    target_lang: str


class Glossaries:
    """Answers about the glossaries of a store, all of which every client sees."""

    def __init__(self, store: GlossaryStore) -> None:
        self._store = store

    async def create(self, request: Request) -> Response:
        """POST /v2/glossaries."""
        new = converted(await read_fields(request, _MAX_BODY_BYTES), NewGlossary)
        made = await asyncio.to_thread(lambda: self._store.create(new.name, [new.read()]))
        return answer(_single(made), 201)

    async def list(self, _: Request) -> Response:
        """GET /v2/glossaries: those of one language pair."""
        found = [_single(one) for one in self._store.glossaries() if len(one.dictionaries) == 1]
        return answer({"glossaries": found})

    async def get(self, request: Request) -> Response:
        """GET /v2/glossaries/{id}."""
        return answer(_single(self._named(request)))

    async def entries(self, request: Request) -> Response:
        """GET /v2/glossaries/{id}/entries: as TSV."""
        accepted = request.headers.get("accept", "*/*")
        if not any(kind in accepted for kind in (_TSV, "text/*", "*/*")):
            return answer({"message": f"entries come as {_TSV}"}, 415)
        glossary = self._named(request)
        _single(glossary)
        return Response(tsv_of(glossary.dictionaries[0]), media_type=_TSV)

    async def delete(self, request: Request) -> Response:
        """DELETE of a glossary, of v2 and v3."""
        await asyncio.to_thread(self._store.delete, request.path_params["glossary_id"])
        return Response(status_code=204)

    async def create_multilingual(self, request: Request) -> Response:
        """POST /v3/glossaries."""
        new = converted(await read_fields(request, _MAX_BODY_BYTES), NewMultilingualGlossary)
        made = await asyncio.to_thread(
            lambda: self._store.create(new.name, [one.read() for one in new.dictionaries])
        )
        return answer(_multilingual(made), 201)

    async def list_multilingual(self, _: Request) -> Response:
        """GET /v3/glossaries."""
        return answer({"glossaries": [_multilingual(one) for one in self._store.glossaries()]})

    async def get_multilingual(self, request: Request) -> Response:
        """GET /v3/glossaries/{id}."""
        return answer(_multilingual(self._named(request)))

    async def change(self, request: Request) -> Response:
        """PATCH /v3/glossaries/{id}: a new name, entries that go into the dictionary of their pair, or
        both."""
        change = converted(await read_fields(request, _MAX_BODY_BYTES), GlossaryChange)
        if change.name is None and not change.dictionaries:
            raise RequestError("nothing to change: give 'name' or 'dictionaries'")
        identifier = request.path_params["glossary_id"]

        def apply() -> StoredGlossary:
            dictionaries = [one.read() for one in change.dictionaries]
            return self._store.change(identifier, change.name, dictionaries)

        return answer(_multilingual(await asyncio.to_thread(apply)))

    async def multilingual_entries(self, request: Request) -> Response:
        """GET /v3/glossaries/{id}/entries of a language pair."""
        pair = converted(await read_fields(request, _MAX_BODY_BYTES), LanguagePair)
        dictionary = self._named(request).dictionary(pair.source_lang, pair.target_lang)
        content = _pair(dictionary) | {"entries": tsv_of(dictionary), "entries_format": "tsv"}
        return answer({"dictionaries": [content]})

    async def replace_dictionary(self, request: Request) -> Response:
        """PUT /v3/glossaries/{id}/dictionaries: these entries alone."""
        new = converted(await read_fields(request, _MAX_BODY_BYTES), NewDictionary)
        identifier = request.path_params["glossary_id"]

        def apply() -> Dictionary:
            dictionary = new.read()
            self._store.put(identifier, dictionary)
            return dictionary

        return answer(_described(await asyncio.to_thread(apply)))

    async def delete_dictionary(self, request: Request) -> Response:
        """DELETE /v3/glossaries/{id}/dictionaries of a language pair."""
        pair = converted(await read_fields(request, _MAX_BODY_BYTES), LanguagePair)
        identifier = request.path_params["glossary_id"]
        await asyncio.to_thread(self._store.delete_dictionary, identifier, pair.source_lang, pair.target_lang)
        return Response(status_code=204)

    def _named(self, request: Request) -> StoredGlossary:
        return self._store.get(request.path_params["glossary_id"])


def _single(glossary: StoredGlossary) -> dict[str, Any]:
    """A glossary in the form of v2. Raises UnknownResourceError for one of several pairs."""
    if len(glossary.dictionaries) != 1:
        raise UnknownResourceError("the glossary has several dictionaries; ask for it under /v3/glossaries")
    dictionary = glossary.dictionaries[0]
    return {
        "glossary_id": glossary.identifier,
        "name": glossary.name,
        "ready": True,
        **_described(dictionary),
        "creation_time": _time(glossary.created),
    }


def _multilingual(glossary: StoredGlossary) -> dict[str, Any]:
    return {
        "glossary_id": glossary.identifier,
        "name": glossary.name,
        "dictionaries": [_described(one) for one in glossary.dictionaries],
        "creation_time": _time(glossary.created),
    }


def _pair(dictionary: Dictionary) -> dict[str, Any]:
    return {"source_lang": dictionary.source, "target_lang": dictionary.target}


def _described(dictionary: Dictionary) -> dict[str, Any]:
    return _pair(dictionary) | {"entry_count": len(dictionary.entries)}


def _time(when: dt.datetime) -> str:
    """ISO 8601 in UTC, with six digits of the second: clients read no form without a fraction."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
