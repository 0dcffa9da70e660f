"""Codes of languages as other services write them, and the tags of the models that they mean."""

from __future__ import annotations

from collections.abc import Collection

from octavo.text.language_tags import distance


def tag_of(code: str, tags: Collection[str]) -> str | None:
    """The one of ``tags`` that serves ``code`` best, whatever its case, as "en" serves EN-GB. None where
    there is none."""
    found = [(far, tag) for tag in tags if (far := distance(code, tag)) is not None]
    return min(found)[1] if found else None
