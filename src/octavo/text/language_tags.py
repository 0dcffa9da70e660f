"""Tags of languages, such as "de" or "de-AT" (BCP 47)."""

from __future__ import annotations


def primary_subtag(tag: str) -> str:
    """The language of a tag, without its country or script: "de" of "de-AT" and of "de_AT", in lower case."""
    return _subtags(tag)[0]


def distance(wanted: str, offered: str) -> int | None:
    """How far a model's tag is from the one that is asked for: 0 where they are the same, None where the
    model does not serve it.

    A model of "en" serves "en-US", and one of "en-GB" serves "en" less well; neither "pt-PT" nor "zh-Hans" is
    served by "pt-BR" or "zh-Hant".
    """
    one, other = _subtags(wanted), _subtags(offered)
    shared = min(len(one), len(other))
    if one[:shared] != other[:shared]:
        return None
    return len(one) - len(other) if len(one) >= len(other) else _LESS_WELL + len(other) - len(one)


_LESS_WELL = 100  # more than a tag has subtags


def _subtags(tag: str) -> list[str]:
    return [part.strip() for part in tag.replace("_", "-").lower().split("-")]
