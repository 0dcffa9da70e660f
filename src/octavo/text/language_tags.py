"""Tags of languages, such as "de" or "de-AT" (BCP 47)."""

from __future__ import annotations


def primary_subtag(tag: str) -> str:
    """The language of a tag, without its country or script: "de" of "de-AT" and of "de_AT", in lower case."""
    return tag.replace("_", "-").partition("-")[0].strip().lower()
