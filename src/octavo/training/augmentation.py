# ruff: noqa: RUF001 - typographic quotes and other scripts are meant
"""Augmentation: changed copies of sentence pairs, so that a model meets what real text holds.

Each change has a rate in the recipe's ``[augmentation]``, the share of drawn pairs that get it. All draws
come from one generator that depends on (seed, epoch) alone.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import Final

from octavo.training.recipe import AugmentationRecipe
from octavo.training.untranslatable import untranslatable

TextPair = tuple[str, str]
"""A source text and its translation."""

_NUMBER: Final = re.compile(r"\d+(?:[.,:]\d+)*")
_FINAL: Final = re.compile(r"[.!?…。]+$")
_SENTENCE: Final = re.compile(r"[.!?…][\"'”“»)]*$")
_CODE_LIKE: Final = re.compile(r"[%{}<>$\\&@_~]|://")
_SHARED_WORD: Final = re.compile(r"\b[A-Z][a-zA-Z]{2,}\b")
_PLACEHOLDERS: Final = (
    *("%s", "%s", "%d", "%1$s", "%2$s", "%1$d", "%i", "%u", "%1", "%2", "%n", "%@", "%(name)s", "%(count)d"),
    *("{0}", "{1}", "{name}", "{user}", "{count}", "{file_name}", "{{name}}", "{{ count }}", "${name}"),
    *("$1", "$name", "@user", "__NAME__", "&amp;", "&nbsp;"),
)
_TAGS: Final = (
    *("<b>", "<i>", "<em>", "<strong>", "<code>", "<u>", "<p>", "<span>", "<small>", "<tt>"),
    *('<a href="index.html">', '<a href="%s">', '<span class="name">', '<font color="red">', '<g id="1">'),
)
_LONGEST_JOINED_CHARACTERS: Final = 160


def augment(pairs: Sequence[TextPair], rates: AugmentationRecipe, draw: random.Random) -> list[TextPair]:
    """The pairs, some of them changed, some joined with the next ones, and untranslatable ones added."""
    changes: tuple[tuple[float, Callable[[TextPair], TextPair]], ...] = (
        (rates.numbers, lambda pair: other_numbers(pair, draw)),
        (rates.placeholders, lambda pair: with_placeholder(pair, draw)),
        (rates.upper, upper_case),
        (rates.lower, lambda pair: lower_case(pair, draw)),
        (rates.title, title_case),
        (rates.no_final_punctuation, without_final_punctuation),
        (rates.quotes, typographic_quotes),
        (rates.noise, lambda pair: with_typing_errors(pair, draw)),
    )
    found: list[TextPair] = []
    for pair in joined(pairs, rates.join, draw) if rates.join else pairs:
        changed = pair
        for rate, change in changes:
            if rate and draw.random() < rate:
                changed = change(changed)
        found.append(changed)
    copies = [untranslatable(draw) for _ in range(round(len(pairs) * rates.copies))]
    return found + [(text, text) for text in copies]


def joined(pairs: Sequence[TextPair], rate: float, draw: random.Random) -> list[TextPair]:
    """The pairs, a share of which are one text of two or three sentences with the pairs after them."""
    found: list[TextPair] = []
    at = 0
    while at < len(pairs):
        count = 1
        if draw.random() < rate:
            wanted = draw.choice((2, 2, 3))
            while count < wanted and at + count < len(pairs) and _may_join(pairs[at : at + count + 1]):
                count += 1
        group = pairs[at : at + count]
        found.append((" ".join(s for s, _ in group), " ".join(t for _, t in group)))
        at += count
    return found


def _may_join(pairs: Sequence[TextPair]) -> bool:
    """Whether all are short sentences with a stop on both sides."""
    return all(
        len(text) <= _LONGEST_JOINED_CHARACTERS and _SENTENCE.search(text) for pair in pairs for text in pair
    )


def other_numbers(pair: TextPair, draw: random.Random) -> TextPair:
    """Other digits, the same on both sides, where both have the same numbers; 1 stays as it is."""
    source, target = pair
    found = _NUMBER.findall(source)
    if not found or sorted(found) != sorted(_NUMBER.findall(target)):
        return pair
    chosen = {number: number if number == "1" else _like(number, draw) for number in sorted(set(found))}

    def replaced(match: re.Match[str]) -> str:
        return chosen[match[0]]

    return _NUMBER.sub(replaced, source), _NUMBER.sub(replaced, target)


def _like(number: str, draw: random.Random) -> str:
    """A number of the same form; no part begins with a zero that did not."""

    def digit(match: re.Match[str]) -> str:
        first = match.start() == 0 or not number[match.start() - 1].isdigit()
        return "0" if match[0] == "0" and first else str(draw.randint(1 if first else 0, 9))

    return re.sub(r"\d", digit, number)


def with_placeholder(pair: TextPair, draw: random.Random) -> TextPair:
    """A placeholder in place of a number or name that both sides have, or around, before or after the text;
    or a tag around all of it.
    """
    source, target = pair
    shared = [
        word
        for pattern in (_NUMBER, _SHARED_WORD)
        for word in pattern.findall(source)
        if source.count(word) == 1 and pattern.findall(target).count(word) == 1 == target.count(word)
    ]
    mark = draw.choice(_PLACEHOLDERS)
    if shared and draw.random() < 0.6:
        word = draw.choice(shared)
        if draw.random() < 0.3:
            tag = draw.choice(_TAGS)
            mark = f"{tag}{word}</{tag[1:].split()[0].rstrip('>')}>"
        return source.replace(word, mark), target.replace(word, mark)
    kind = draw.randrange(4)
    if kind == 0:
        return f"{mark}: {source}", f"{mark}: {target}"
    if kind == 1:
        return f"{source} ({mark})", f"{target} ({mark})"
    if kind == 2:
        return f"{source} {mark}", f"{target} {mark}"
    tag = draw.choice(_TAGS)
    end = f"</{tag[1:].split()[0].rstrip('>')}>"
    return f"{tag}{source}{end}", f"{tag}{target}{end}"


def upper_case(pair: TextPair) -> TextPair:
    """Both sides in capitals, unless there is code in them."""
    if any(_CODE_LIKE.search(text) for text in pair):
        return pair
    return pair[0].upper(), pair[1].upper()


def lower_case(pair: TextPair, draw: random.Random) -> TextPair:
    """The source as people type it: in lower case, sometimes without apostrophes and its last stop."""
    source, target = pair
    if _CODE_LIKE.search(source):
        return pair
    source = source.lower()
    if draw.random() < 0.4:
        source = source.replace("'", "").replace("’", "")
    if draw.random() < 0.4:
        source = _FINAL.sub("", source) or source
    return source, target


def title_case(pair: TextPair) -> TextPair:
    """Every word of the source begins with a capital; the target stays as it is."""
    source, target = pair
    if _CODE_LIKE.search(source):
        return pair
    return " ".join(word[:1].upper() + word[1:] for word in source.split(" ")), target


def without_final_punctuation(pair: TextPair) -> TextPair:
    """Both sides without the stop at their end, where both have one."""
    if not all(_FINAL.search(text) for text in pair):
        return pair
    source, target = (_FINAL.sub("", text) for text in pair)
    return (source, target) if source.strip() and target.strip() else pair


def typographic_quotes(pair: TextPair) -> TextPair:
    """Curly apostrophes and quotes in the source, German ones in the target."""
    source, target = pair
    source = re.sub(r"(?<=\w)'(?=\w)", "’", source)
    source = re.sub(r'"([^"]*)"', "“\\1”", source)
    target = re.sub(r'"([^"]*)"', "„\\1“", target)
    return source, target


def with_typing_errors(pair: TextPair, draw: random.Random) -> TextPair:
    """One or two letters of the source swapped, dropped or doubled, or a space too many."""
    source, target = pair
    for _ in range(draw.choice((1, 1, 2))):
        places = [match.start() for match in re.finditer(r"(?<=[a-z])[a-z](?=[a-z])", source)]
        if not places or _CODE_LIKE.search(source):
            return source, target
        at = draw.choice(places)
        kind = draw.randrange(4)
        if kind == 0:
            source = source[:at] + source[at + 1] + source[at] + source[at + 2 :]
        elif kind == 1:
            source = source[:at] + source[at + 1 :]
        elif kind == 2:
            source = source[:at] + source[at] + source[at:]
        else:
            source = source.replace(" ", "  ", 1)
    return source, target
