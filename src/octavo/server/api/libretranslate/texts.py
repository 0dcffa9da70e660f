"""Texts: translated, and their languages found out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from octavo.model.limits import MAX_BEAM
from octavo.server.api.body import converted, read_fields
from octavo.server.api.language_codes import tag_of
from octavo.server.api.libretranslate.answers import answer, check_key
from octavo.server.errors import RequestError, UnsupportedPairError
from octavo.server.language_routes import LanguageRoutes
from octavo.server.service import Service
from octavo.server.work import Answer, Job
from octavo.text.language_names import language_name
from octavo.translation.options import TranslationOptions

AUTO: Final = "auto"
MAX_ALTERNATIVES: Final = MAX_BEAM - 1
_LEAST_BEAM: Final = 4
"""Of a search for alternatives, whatever the model's own is."""

_LEAST_CONFIDENCE: Final = 0.01
"""Of languages that are told beside the likeliest one."""


class TextRequest(msgspec.Struct):
    """The fields of a request to translate."""

    q: str | list[str] = ""
    source: str = ""
    target: str = ""
    format: str = "text"
    alternatives: int = 0


class DetectRequest(msgspec.Struct):
    """The fields of a request to find a language out."""

    q: str = ""


class Texts:
    """Answers about texts."""

    def __init__(self, service: Service, *, max_body_bytes: int, max_texts: int) -> None:
        self._service = service
        self._max_body_bytes = max_body_bytes
        self._max_texts = max_texts

    async def translate(self, request: Request) -> Response:
        """POST /translate. A list of texts gives lists."""
        fields = await read_fields(request, self._max_body_bytes)
        check_key(request, fields)
        asked = converted(fields, TextRequest)
        for name in ("q", "source", "target"):
            if not getattr(asked, name):
                raise RequestError(f"Invalid request: missing {name} parameter")
        if asked.format not in ("text", "html"):
            raise RequestError("Invalid request: format must be text or html")
        if not 0 <= asked.alternatives <= MAX_ALTERNATIVES:
            raise RequestError(f"Invalid request: alternatives must be from 0 to {MAX_ALTERNATIVES}")
        several = isinstance(asked.q, list)
        texts = asked.q if isinstance(asked.q, list) else [asked.q]
        if len(texts) > self._max_texts:
            raise RequestError(f"Invalid request: more texts than the limit of {self._max_texts}")
        source, target = languages(asked.source, asked.target, self._service.languages)
        answers = await self._service.translate(
            Job(
                texts,
                target,
                source=source,
                markup="html" if asked.format == "html" else "text",
                search=_search(asked.alternatives),
            )
        )
        content: dict[str, Any] = {"translatedText": _one_or_all([one.text for one in answers], several)}
        if asked.alternatives:
            content["alternatives"] = _one_or_all([_alternatives(one) for one in answers], several)
        if source is None:
            detected = (self._detected(text, one) for text, one in zip(texts, answers, strict=True))
            found = await asyncio.gather(*detected)
            content["detectedLanguage"] = _one_or_all(found, several)
        return answer(content)

    async def detect(self, request: Request) -> Response:
        """POST /detect: the languages that a text may be in, the likeliest first."""
        fields = await read_fields(request, self._max_body_bytes)
        check_key(request, fields)
        asked = converted(fields, DetectRequest)
        if not asked.q:
            raise RequestError("Invalid request: missing q parameter")
        ranked = await self._service.detect(asked.q)
        likely = [entry for entry in ranked if entry[1] >= _LEAST_CONFIDENCE]
        return answer([_detection(*entry) for entry in likely or ranked[:1]])

    async def languages(self, _: Request) -> Response:
        """GET /languages: each with those that it is translated into."""
        known = self._service.languages
        return answer(
            [
                {
                    "code": tag,
                    "name": language_name(tag),
                    "targets": sorted(known.targets_from(tag)) if tag in known.sources else [],
                }
                for tag in known.tags
            ]
        )

    async def _detected(self, text: str, translated: Answer) -> dict[str, Any]:
        confidences = dict(await self._service.detect(text)) if text.strip() else {}
        return _detection(translated.source, confidences.get(translated.source, 0.0))


def languages(source: str, target: str, known: LanguageRoutes[Any]) -> tuple[str | None, str]:
    """The tags that a request means; the source is None where it is to be found out. Raises
    UnsupportedPairError."""
    into = tag_of(target, known.targets)
    if into is None:
        raise UnsupportedPairError("the target language is not supported; /languages lists them")
    if source == AUTO:
        return None, into
    of = tag_of(source, known.sources_into(into))
    if of is None:
        raise UnsupportedPairError(
            "the source language is not supported, or not into the target language; /languages lists them"
        )
    return of, into


def _search(alternatives: int) -> TranslationOptions:
    """Options of a search that finds so many translations beside the best one."""
    if not alternatives:
        return {}
    wanted = alternatives + 1
    return {"nbest": wanted, "beam": max(wanted, _LEAST_BEAM)}


def _alternatives(translated: Answer) -> list[str]:
    """Other translations of a text. Markup has none: it is made of several texts."""
    if len(translated.translations) != 1:
        return []
    best, *others = [one.text for one in translated.translations[0].alternatives]
    return [text for text in dict.fromkeys(others) if text != best]


def _one_or_all(values: list[Any], several: bool) -> Any:
    return values if several else values[0]


def _detection(language: str, confidence: float) -> dict[str, Any]:
    """``confidence`` is from 0 to 1, and goes out in percent."""
    return {"confidence": round(100 * confidence, 1), "language": language}
