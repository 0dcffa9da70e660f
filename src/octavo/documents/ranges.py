"""What begins at one place of a text and ends at another, without being an element."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

MOST_RANGES = 50
"""Ranges inside each other. Those inside them are places."""


def nested(ends: Sequence[tuple[Hashable, bool] | None]) -> dict[int, int]:
    """Where ranges begin and where these end, if they cross no other.

    ``ends`` has for each place what begins (True) or ends (False) there, and None where nothing does.
    """
    pairs: dict[int, int] = {}
    waiting: list[tuple[Hashable, int]] = []
    begun: dict[Hashable, int] = {}
    crossed: set[int] = set()
    for place, end in enumerate(ends):
        if end is None:
            continue
        name, begins = end
        while waiting and waiting[-1][1] in crossed:
            waiting.pop()
        if begins and len(waiting) < MOST_RANGES:
            waiting.append((name, place))
            begun[name] = place
        elif not begins and waiting and waiting[-1][0] == name:
            pairs[waiting.pop()[1]] = place
        elif not begins and name in begun:
            crossed.add(begun[name])
    return pairs
