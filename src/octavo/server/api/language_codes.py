"""Codes of languages as other services write them, and the tags of the models that they mean."""

from __future__ import annotations

from collections.abc import Collection

from octavo.text.language_tags import primary_subtag


def tag_of(code: str, tags: Collection[str]) -> str | None:
    """The one of ``tags`` that ``code`` means, whatever its case: the same tag, else one without a region or
    with another, as "en" is for EN-GB. None where there is none."""
    wanted = code.replace("_", "-").lower()
    by_name = {tag.lower(): tag for tag in sorted(tags, reverse=True)}
    primary = primary_subtag(wanted)
    of_language = [tag for name, tag in sorted(by_name.items()) if primary_subtag(name) == primary]
    return by_name.get(wanted) or by_name.get(primary) or next(iter(of_language), None)
