"""POST /v2/translate."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from octavo.server.api.body import converted, read_fields
from octavo.server.api.deepl.answers import answer
from octavo.server.api.deepl.options import Options, as_list, check, check_value, glossary_of, languages
from octavo.server.api.deepl.usage import Usage
from octavo.server.errors import RequestError
from octavo.server.glossary_store import GlossaryStore
from octavo.server.service import Service
from octavo.server.work import Job, Markup
from octavo.text.language_tags import primary_subtag

MAX_TEXTS: Final = 50
_LISTS: Final = frozenset({"text", "custom_instructions"})
_MODEL_TYPES: Final = ("quality_optimized", "latency_optimized", "prefer_quality_optimized")
_SPLITS: Final = ("0", "1", "nonewlines")


class TextOptions(Options, kw_only=True):
    """The fields of a request for texts."""

    text: list[str] | str
    context: str | None = None
    split_sentences: str | int | bool | None = None
    preserve_formatting: bool = False
    tag_handling: str | None = None
    tag_handling_version: str | None = None
    outline_detection: bool = True
    splitting_tags: list[str] | str | None = None
    non_splitting_tags: list[str] | str | None = None
    ignore_tags: list[str] | str | None = None
    show_billed_characters: bool = False
    model_type: str | None = None


class Texts:
    """Texts in, their translations out, in the same order."""

    def __init__(
        self, service: Service, glossaries: GlossaryStore, usage: Usage, *, max_body_bytes: int
    ) -> None:
        self._service = service
        self._glossaries = glossaries
        self._usage = usage
        self._max_body_bytes = max_body_bytes

    async def translate(self, request: Request) -> Response:
        """Answers a request."""
        fields = await read_fields(request, self._max_body_bytes, _LISTS)
        options = converted(fields, TextOptions)
        job = await self._job(options)
        characters = [len(text) for text in job.texts]
        with self._usage.charged(sum(characters)):
            answers = await self._service.translate(job)
        translations = []
        for one, count in zip(answers, characters, strict=True):
            translation: dict[str, Any] = {
                "detected_source_language": primary_subtag(one.source).upper(),
                "text": one.text,
            }
            if options.show_billed_characters:
                translation["billed_characters"] = count
            if options.model_type:
                translation["model_type_used"] = options.model_type.removeprefix("prefer_")
            translations.append(translation)
        return answer({"translations": translations})

    async def _job(self, options: TextOptions) -> Job:
        """Raises ServiceError."""
        check(options)
        texts = [options.text] if isinstance(options.text, str) else options.text
        if not texts:
            raise RequestError("Parameter 'text' not specified.")
        if len(texts) > MAX_TEXTS:
            raise RequestError(f"Too many texts: {len(texts)}. A request may have {MAX_TEXTS}.")
        if options.model_type:
            check_value("model_type", options.model_type, _MODEL_TYPES)
        if options.tag_handling_version:
            check_value("tag_handling_version", options.tag_handling_version, ("v1", "v2"))
        markup: Markup = "text"
        if options.tag_handling:
            check_value("tag_handling", options.tag_handling, ("html", "xml"))
            markup = "html" if options.tag_handling == "html" else "xml"
        source, target = languages(options, self._service.languages)
        split = _split(options.split_sentences)
        return Job(
            texts,
            target,
            source=source,
            markup=markup,
            ignored_tags=tuple(as_list(options.ignore_tags)),
            sentences=split != "0",
            wrapped=split == "nonewlines",
            glossary=await glossary_of(options, self._glossaries, source, target),
        )


def _split(value: str | int | bool | None) -> str:
    """How a text is cut into sentences: "0", "1" or "nonewlines". Raises RequestError."""
    text = "1" if value is None else str(int(value)) if isinstance(value, bool) else str(value)
    check_value("split_sentences", text, _SPLITS)
    return text
