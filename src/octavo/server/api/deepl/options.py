"""What a request to translate says, for texts and documents alike, checked and in the service's own terms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from octavo.server.api.language_codes import tag_of
from octavo.server.errors import RequestError, UnknownResourceError, UnsupportedPairError
from octavo.server.glossary_store import GlossaryStore
from octavo.server.language_routes import LanguageRoutes
from octavo.terms import Glossary

MAX_GLOSSARIES_AT_ONCE: Final = 5
_FORMALITIES: Final = ("default", "less", "more", "prefer_less", "prefer_more")
_UNHEEDED: Final = (
    "style_id",
    "custom_instructions",
    "translation_memory_id",
    "translation_memory_threshold",
)
"""Fields that ask for what no model here does; DeepL's clients send them only where they are wanted."""


class Options(msgspec.Struct, kw_only=True):
    """Fields that texts and documents share. Lists may also be strings with commas."""

    target_lang: str
    source_lang: str | None = None
    formality: str = "default"
    glossary_id: str | None = None
    glossary_ids: list[str] | str | None = None
    style_id: str | None = None
    custom_instructions: list[str] | str | None = None
    translation_memory_id: str | None = None
    translation_memory_threshold: int | str | None = None


def check(options: Options) -> None:
    """Raises RequestError for a value that is unknown or asks for what the service does not do."""
    check_value("formality", options.formality, _FORMALITIES)
    if options.formality in ("less", "more"):
        raise RequestError(
            "'formality' is not supported for given 'target_lang': no model here has a more or less formal "
            "way of speaking. prefer_more and prefer_less are taken, and change nothing."
        )
    for name in _UNHEEDED:
        if getattr(options, name):
            raise RequestError(f"'{name}' is not supported: this service has nothing of the kind")


def check_value(name: str, value: str, known: Sequence[str]) -> None:
    """Raises RequestError where ``value`` is none of ``known``."""
    if value not in known:
        raise RequestError(f"Value for '{name}' not supported. It is one of: {', '.join(known)}.")


def languages(options: Options, known: LanguageRoutes[Any]) -> tuple[str | None, str]:
    """Source (None: to be found out) and target as the models have them. Raises UnsupportedPairError."""
    target = tag_of(options.target_lang, known.targets)
    if target is None:
        raise UnsupportedPairError(
            "Value for 'target_lang' not supported: no model here translates into it. "
            "/v2/languages?type=target lists those that there are."
        )
    if not options.source_lang:
        return None, target
    source = tag_of(options.source_lang, known.sources_into(target))
    if source is None:
        raise UnsupportedPairError(
            "Value for 'source_lang' not supported: no model here translates from it into 'target_lang'."
        )
    return source, target


async def glossary_of(
    options: Options, store: GlossaryStore, source: str | None, target: str
) -> Glossary | None:
    """The terms that the request names. Raises RequestError and UnknownResourceError."""
    wanted = as_list(options.glossary_ids)
    if options.glossary_id:
        if wanted:
            raise RequestError("'glossary_id' and 'glossary_ids' cannot be used together")
        wanted = [options.glossary_id]
    if not wanted:
        return None
    if len(wanted) > MAX_GLOSSARIES_AT_ONCE:
        raise RequestError(f"'glossary_ids' may have up to {MAX_GLOSSARIES_AT_ONCE} entries")
    if source is None:
        raise RequestError("'source_lang' is required where a glossary is used")
    found = [store.get(identifier) for identifier in wanted]
    try:
        for glossary in found:
            glossary.dictionary(source, target)
    except UnknownResourceError as error:
        raise RequestError("a glossary has no dictionary for 'source_lang' and 'target_lang'") from error
    return await asyncio.to_thread(store.glossary, wanted, source, target)


def as_list(value: list[str] | str | None) -> list[str]:
    """The parts of a list, or of a string with commas, without blank ones."""
    parts = value.split(",") if isinstance(value, str) else value or []
    return [stripped for part in parts for one in part.split(",") if (stripped := one.strip())]
