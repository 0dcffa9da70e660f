"""What there is: languages, usage, and what this service has nothing of."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from octavo.server.api.body import read_fields
from octavo.server.api.deepl.answers import answer
from octavo.server.api.deepl.options import check_value
from octavo.server.api.deepl.usage import Usage
from octavo.server.errors import UnknownResourceError
from octavo.server.service import Service
from octavo.text.language_names import language_name
from octavo.text.language_tags import primary_subtag

_VARIANTS: Final = {"en": ("en-GB", "en-US"), "pt": ("pt-BR", "pt-PT"), "zh": ("zh-Hans",)}
"""Targets that DeepL's clients only know with a region; a model without one serves each of them."""


class Account:
    """Answers about the service."""

    def __init__(self, service: Service, usage: Usage, *, max_body_bytes: int) -> None:
        self._service = service
        self._usage = usage
        self._max_body_bytes = max_body_bytes

    async def languages(self, request: Request) -> Response:
        """GET /v2/languages: of ``type`` source (the default) or target. Clients send it in the address or
        as a form."""
        fields = await read_fields(request, self._max_body_bytes)
        kind = fields.get("type", "source")
        check_value("type", str(kind), ("source", "target"))
        known = self._service.languages
        if kind == "source":
            sources = sorted(set(map(primary_subtag, known.sources)))
            return answer([{"language": tag.upper(), "name": language_name(tag)} for tag in sources])
        targets = sorted({variant for tag in known.targets for variant in _VARIANTS.get(tag, (tag,))})
        return answer(
            [
                {"language": tag.upper(), "name": language_name(tag), "supports_formality": False}
                for tag in targets
            ]
        )

    async def glossary_pairs(self, _: Request) -> Response:
        """GET /v2/glossary-language-pairs: those that the models translate."""
        known = self._service.languages
        pairs = sorted(
            {
                (primary_subtag(source), primary_subtag(target))
                for source in known.sources
                for target in known.targets_from(source)
            }
        )
        supported = [{"source_lang": source, "target_lang": target} for source, target in pairs]
        return answer({"supported_languages": supported})

    async def usage(self, _: Request) -> Response:
        """GET /v2/usage."""
        counts = {"character_count": self._usage.characters, "character_limit": self._usage.limit}
        return answer(counts)


async def no_style_rules(_: Request) -> Response:
    """GET of the style rules: there are none."""
    return answer({"style_rules": []})


async def no_translation_memories(_: Request) -> Response:
    """GET of the translation memories: there are none."""
    return answer({"translation_memories": []})


async def nothing_of_the_kind(request: Request) -> Response:
    """Anything else of what this service does not have. Raises UnknownResourceError."""
    what: dict[str, Any] = {
        "write": "it translates, and does not improve texts",
        "style_rules": "it has no style rules",
        "translation_memories": "it has no translation memories for clients",
    }
    found = next(reason for name, reason in what.items() if name in request.url.path)
    raise UnknownResourceError(f"this service cannot do that: {found}")
