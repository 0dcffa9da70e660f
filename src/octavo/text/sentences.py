# ruff: noqa: RUF001 - the punctuation of other scripts is meant
"""Where sentences end."""

from __future__ import annotations

import re
from typing import Final

from octavo.text.abbreviations import LanguageRules, language_rules

# Closing quotes and brackets belong to what stands before them. A match starts where a run of its own
# characters starts and gives nothing back, so that no text takes more than linear time.
_CLOSING: Final = "[\"'”’»›“‘)\\]}」』】》〉）］｝*_]"
_WIDE_STOPS: Final = "。！？｡．"
_STOPS: Final = f".!?…؟۔।॥።፧‼⁇⁈⁉‽։{_WIDE_STOPS}"
_STOP: Final = re.compile(rf"[{_STOPS}]++(?:{_CLOSING}|[^\S\r\n]»(?![^\s.,;:]))*+(\s*+)")
_BREAK: Final = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")

_OPENING: Final = re.compile(r"[\s\"'“„”‘’‚«»‹›(\[{¿¡*_#–—-]*+")
_DASH: Final = re.compile(r"[\"'“„”‘’]*[–—-]")
_QUOTE_GOES_ON: Final = "とっの、，,"
_NEXT_WORD: Final = re.compile(r"[\w]+(?:['’](?=\w))?")
_LONGEST_WORD: Final = 24
"""More characters than any abbreviation has, with the parts of "z. B." or "av. J.-C."."""

_WORD_BEFORE: Final = re.compile(r"[^\s\"“„”«»()\[\]/,;:!?…]+\Z")
_SPACED_PARTS: Final = re.compile(r"(?<!\w)(?:\w{1,2}[.]\s?-?)+\w\Z")
_ELIDED: Final = re.compile(r".*['’]")
_INITIAL: Final = re.compile(r"\w\.")
_DOTTED: Final = re.compile(r"(?:\w{1,3}[.]-?)+\w{1,3}")
_NUMBER: Final = re.compile(r"(?<![\w.,:/–-])(\d{1,3}|[IVX]{1,5})\Z")
_RUN_ON: Final = re.compile(r"(?<!\S)[(\"'“„«]*\w+\Z")
_RUN_ON_NEXT: Final = re.compile(r"\w+(?=[\s,!?'’]|\Z|\.(?:\s|\Z))")


def split_sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of ``text`` in order, without the white space around them; none for blank text.

    ``language`` is the tag of the text's language. A line break ends a sentence. But for white space, the
    sentences joined are the text. The function takes linear time.
    """
    found = []
    start = 0
    for end in [*sentence_ends(text, language), len(text)]:
        sentence = text[start:end].strip()
        if sentence:
            found.append(sentence)
        start = end
    return found


def sentence_ends(text: str, language: str) -> list[int]:
    """The places in ``text``, ascending and within it, where one sentence ends and the next begins.

    White space between the two belongs to the first.
    """
    rules = language_rules(language)
    ends = []
    last = 0
    for match in _STOP.finditer(text):
        end = match.end()
        if end < len(text) and _ends_sentence(text, last, match, rules):
            ends.append(end)
            last = end
    if _BREAK.search(text):
        ends = sorted({*ends, *(match.end() for match in _BREAK.finditer(text) if match.end() < len(text))})
    return ends


def _ends_sentence(text: str, last: int, match: re.Match[str], rules: LanguageRules) -> bool:
    """Whether a sentence that began at ``last`` ends with these stops; there is text after them."""
    stop, end = match.start(), match.end()
    spaces = match.start(1)
    closed = text[spaces - 1] not in _STOPS
    if text[stop] in _WIDE_STOPS:
        decimal = text[stop] == "．" and text[stop - 1 : stop].isdigit() and text[end].isdigit()
        return not decimal and not (closed and text[end] in _QUOTE_GOES_ON)
    if spaces == end:
        return not closed and _is_run_on(text, last, stop, end)
    opening = _OPENING.match(text, end)
    first = opening.end() if opening else end
    lower = text[first : first + 1].islower() and not text[first + 1 : first + 2].isupper()
    if text[stop] not in ".…":
        return not (lower and (closed or _DASH.match(text, end) is not None))
    if lower:
        return False
    return text[stop] != "." or spaces != stop + 1 or not _is_shortened(text, last, stop, first, rules)


def _is_run_on(text: str, last: int, stop: int, end: int) -> bool:
    """Whether a space is missing after the stop, as in "apply.Are you"; a name such as "Math.Floor" or
    "example.org" has none."""
    before = text[max(last, stop - _LONGEST_WORD) : stop]
    word = _RUN_ON.search(before)
    if end - stop != 1 or word is None or not text[end].isupper() or not text[end + 1 : end + 2].islower():
        return False
    letters = word[0].lstrip("(\"'“„«")
    likely = letters.isalpha() and len(letters) > 1
    if text[stop] == ".":
        likely = likely and letters.islower()
    return likely and _RUN_ON_NEXT.match(text, end, end + _LONGEST_WORD) is not None


def _is_shortened(text: str, last: int, stop: int, first: int, rules: LanguageRules) -> bool:
    """Whether the full stop at ``stop`` belongs to its word; ``first`` is where the next word begins."""
    before = text[max(last, stop - _LONGEST_WORD) : stop]
    found = _WORD_BEFORE.search(before)
    word = found[0].lstrip("'’‘-–—*_.") if found else ""
    if not word:
        return False
    following = _NEXT_WORD.match(text, first, first + _LONGEST_WORD)
    next_word = following[0] if following else ""
    starts = next_word in rules.starters and not _INITIAL.match(text, first)
    if word in rules.seldom:
        return not starts
    if word in rules.never or _ELIDED.sub("", word) in rules.never:
        return True
    if word in rules.numbered and next_word[:1].isdigit():
        return True
    number = _NUMBER.search(before)
    if number is not None and (rules.ordinals or number[0].isdigit()):
        left = before[: -len(number[0])].rstrip()[-1:]
        return left in ("", ":", ";") or (rules.ordinals and not starts)
    if len(word) == 1:
        return _is_initial(before, word, starts, rules)
    if _DOTTED.fullmatch(word) and not word[-1].isdigit():
        return not starts
    return word.endswith(("str", "Str")) and next_word[:1].isdigit()


def _is_initial(before: str, letter: str, starts: bool, rules: LanguageRules) -> bool:
    """Whether a single letter with a full stop is part of a name or of an abbreviation such as "z. B.";
    ``starts`` tells that the next word begins many sentences."""
    if not letter.isalpha():
        return False
    parts = _SPACED_PARTS.search(before)
    if parts is not None and len(parts[0]) > 1:
        together = "".join(parts[0].split())
        if together in rules.never:
            return True
        return not starts or (letter.islower() and together not in rules.seldom)
    if letter == "I" and "I" in rules.starters and before.split()[-2:-1] and before.split()[-2].islower():
        return False  # the English pronoun, "So do I."
    return not starts
