"""Codes of languages as other services write them, and the tags of the models that they mean."""

from __future__ import annotations

from collections.abc import Collection

from octavo.text.language_names import meant_tag
from octavo.text.language_tags import distance, shortest_tag


def tag_of(code: str, tags: Collection[str]) -> str | None:
    """The one of ``tags`` that serves ``code`` best, whatever its case, as "en" serves EN-GB and "English".
    None where there is none."""
    code = meant_tag(code)
    for asked in (code, shortest_tag(code)):
        found = [(far, tag) for tag in tags if (far := distance(asked, tag)) is not None]
        if found:
            return min(found)[1]
    return None
