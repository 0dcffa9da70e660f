"""The requests of our own API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from octavo.server.api.compressed import COMPRESSED
from octavo.server.api.octavo.items import failed, sheaves
from octavo.server.api.octavo.messages import (
    READ_DETECT,
    READ_REQUEST,
    DetectedResult,
    DetectResponse,
    ItemResult,
    LanguageResult,
    LanguagesResponse,
    ModelResult,
    ModelsResponse,
    Timings,
    TranslateResponse,
)
from octavo.server.api.octavo.operations import DETECT, LANGUAGES, MODELS, TRANSLATE
from octavo.server.api.octavo.stream import begun
from octavo.server.errors import FieldError, ServiceError, TooLargeError
from octavo.server.json_body import json_body
from octavo.server.language_routes import ManyPairs, Pair
from octavo.server.observation import observed
from octavo.server.openapi import describes
from octavo.server.service import Service
from octavo.server.settings import ServerSettings


class Handlers:
    """Answers requests with a service."""

    def __init__(self, service: Service, settings: ServerSettings) -> None:
        self._service = service
        self._settings = settings

    @describes(TRANSLATE)
    async def translate(self, request: Request) -> Response:
        """POST /v1/translate: a result for each item; with ``?stream=1`` a line for each, as it is done."""
        stream = _switch(request, "stream")
        asked = await json_body(request, READ_REQUEST)
        since = time.perf_counter()
        if len(asked.items) > self._settings.max_texts:
            raise TooLargeError(
                f"a request may have {self._settings.max_texts} items; this one has {len(asked.items)}"
            )
        if asked.glossary:  # which takes time to prepare
            groups, bad = await asyncio.to_thread(sheaves, asked)
        else:
            groups, bad = sheaves(asked)
        results = [failed(place, error, since) for place, error in bad]
        if stream:
            lines = await begun(self._service, groups, results, since)
            return StreamingResponse(lines, media_type="application/jsonl")
        found = await asyncio.gather(
            *(self._service.outcomes(group.job) for group in groups), return_exceptions=True
        )
        _raise_if_all_failed(found, results)
        for group, outcomes in zip(groups, found, strict=True):
            for index in range(len(group.places)):
                outcome = outcomes if isinstance(outcomes, BaseException) else outcomes[index]
                if isinstance(outcome, BaseException) and not isinstance(outcome, ServiceError):
                    raise outcome
                results.append(group.result(index, outcome, since))
        results.sort(key=lambda result: result.index)
        known = observed()
        seconds = (known.waiting or 0.0, known.translating or 0.0, time.perf_counter() - since)
        return _json(TranslateResponse(results, Timings(*(round(each, 6) for each in seconds))))

    @describes(MODELS)
    async def models(self, request: Request) -> Response:  # noqa: ARG002 - what Starlette hands over
        """GET /v1/models."""
        return _json(ModelsResponse(list(map(_model_result, self._service.languages.listed()))))

    @describes(LANGUAGES)
    async def languages(self, request: Request) -> Response:  # noqa: ARG002
        """GET /v1/languages."""
        known = self._service.languages
        targets = {tag: known.targets_from(tag) if tag in known.sources else () for tag in known.tags}
        return _json(LanguagesResponse([LanguageResult(tag, sorted(into)) for tag, into in targets.items()]))

    @describes(DETECT)
    async def detect(self, request: Request) -> Response:
        """POST /v1/detect."""
        asked = await json_body(request, READ_DETECT)
        found = await self._service.detect(asked.text)
        return _json(DetectResponse([DetectedResult(tag, confidence) for tag, confidence in found]))


def routes(service: Service, settings: ServerSettings) -> list[Route]:
    """The routes of our own API."""
    handlers = Handlers(service, settings)
    return [
        Route("/v1/translate", handlers.translate, methods=["POST"]),
        Route("/v1/models", handlers.models, middleware=COMPRESSED),
        Route("/v1/languages", handlers.languages, middleware=COMPRESSED),
        Route("/v1/detect", handlers.detect, methods=["POST"]),
    ]


def _model_result(pair: Pair | ManyPairs) -> ModelResult:
    if isinstance(pair, Pair):
        return ModelResult(pair.source, pair.target, pair.name, pair.via)
    return ModelResult(
        pair.source, pair.target, pair.name, None, sources=list(pair.sources), targets=list(pair.targets)
    )


def _json(message: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(message), media_type="application/json")


def _switch(request: Request, name: str) -> bool:
    value = request.query_params.get(name, "0")
    if value not in ("0", "1", "false", "true"):
        raise FieldError(f"the parameter {name} is 0 or 1", name)
    return value in ("1", "true")


def _raise_if_all_failed(found: Sequence[object], bad: Sequence[ItemResult]) -> None:
    """What concerns every item is an error of the request."""
    errors = [each for each in found if isinstance(each, ServiceError)]
    if errors and len(errors) == len(found) and not bad:
        raise errors[0]
