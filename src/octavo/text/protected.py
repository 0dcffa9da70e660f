"""What of a text must not be translated: placeholders, tags, addresses, code and emoji.

A pattern that could match ordinary prose is left out: what is protected by mistake stays untranslated.
"""

from __future__ import annotations

import dataclasses
import enum
import re
from collections.abc import Iterator
from typing import Final

from octavo.text.icu import skeletons


class Kind(enum.StrEnum):
    """What a protected span is."""

    PLACEHOLDER = "placeholder"
    TAG = "tag"
    ADDRESS = "address"
    CODE = "code"
    EMOJI = "emoji"


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters ``start`` to before ``end`` of a text, and what they are."""

    start: int
    end: int
    kind: Kind


# printf, with "%1$d", "%-5.2f", "%*d", "%.250s", "%zu", "%@"; dates as "%Y-%m-%d"; "%%". A percent sign after
# a digit is a percentage ("100% sure"), and before a word it is no format ("%complete", "70 %ige", "6 %zu").
_NOT_A_PERCENTAGE: Final = r"(?:(?<!\d)|(?<=%\d)|(?<=%\d\d))"
_PRINTF: Final = (
    r"%(?:\d{1,2}\$)?[-+#0']{0,4}(?:\d{1,4}|\*(?:\d\$)?)?(?:\.(?:\d{1,4}|\*)?)?"
    r"(?:hh?|ll?|[jztLq])?(?:[diouxXeEfFgGaAcCsSpn]|@|[EO]?[a-zA-Z](?![a-zA-Z0-9])|:{1,3}z)"
)
_PERCENT: Final = (
    rf"{_NOT_A_PERCENTAGE}(?:"
    r"%\([\w.:-]{1,60}\)(?:[-+#0 ]?\d{0,3}(?:\.\d{1,3})?[diouxXeEfFgGcrsa])?"  # Python: %(name)s
    r"|%\{[\w.:-]{1,60}\}|%<[\w.:-]{1,60}>[-+#0]?\d{0,3}(?:\.\d{1,3})?[a-z]"  # Ruby: %{name}, %<name>s
    r"|%\[\d\][a-z]"  # Go: %[1]d
    r"|%[A-Za-z_][\w.-]{1,40}%(?![\w%])"  # %name%
    rf"|%[ds](?![A-Za-z])|(?<!\d\s){_PRINTF}(?![a-z]{{3}})"
    r"|%L?\d{1,2}%?(?!\d)"  # Qt: %1
    r")|%%"
)
_NAME: Final = r"[A-Za-z_][\w-]{0,60}"
_BRACES: Final = (
    r"\{\{\{?[^{}\n]{1,120}\}\}\}?|\{%[^{}\n]{1,120}%\}|<%[^<>\n]{1,120}%>"  # Mustache, Jinja, ERB
    rf"|[$#]\{{[^{{}}\n]{{1,120}}\}}|\$\(\^?{_NAME}\)"  # ${x}, #{x}, $(X)
    r"|\{\s{0,3}\w{1,60}\s{0,3},\s{0,3}(?:number|date|time|spellout|ordinal|duration)\b[^{}\n]{0,80}\}"  # ICU
    rf"|\{{(?:{_NAME}|\d{{1,3}})?(?:\.{_NAME}|\[\w{{0,60}}\]){{0,8}}(?:![rsa])?(?:[:,][^{{}}\s]{{0,40}})?\}}"
)
_VARIABLES: Final = (
    r"(?<![\w$])\$(?![A-Z]{1,3}\d)[A-Za-z_]\w{1,60}"
    r"|(?<![\w@])@[A-Z][A-Z0-9_]{1,60}@"
    r"|(?<!\w)[A-Z][A-Z0-9]{1,60}+(?:_[A-Z0-9]{1,60}+){1,20}+(?!\w)"
    r"|(?<!\w)[A-Za-z][A-Za-z0-9]{0,60}+(?:_[A-Za-z0-9]{1,60}+){2,20}+(?!\w)"
    r"|(?<![\w.])[A-Za-z_][\w.]{1,60}\(\)"
)
_VALUE: Final = "(?:\"[^\"\\n]{0,1000}\"|'[^'\\n]{0,1000}'|[^\\s\"'<>=]{1,200})"
_TAGS: Final = (
    rf"</?[A-Za-z][\w:.-]{{0,60}}(?:\s{{1,9}}[\w:.@-]{{1,60}}\s?=\s?{_VALUE}){{0,20}}\s{{0,9}}/?>"
    r"|<!--[^<>]{0,1000}-->"
)
# "<file>" is a word for a person to fill in, as usage messages have it, unless HTML has it or it is closed.
_METAVARIABLE: Final = re.compile(r"<([A-Za-z][\w:.-]*)>")
_CLOSING_TAG: Final = re.compile(r"</([A-Za-z][\w:.-]{0,60})")
_TAG_NAMES: Final = frozenset(
    re.findall(
        r"\w+",
        "a abbr article aside b bdi bdo big blockquote body br button caption center cite code dd del "
        "details dfn div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 head header hr html i "
        "iframe img input ins kbd li main mark nav ol p pre q rp rt ruby s samp section small span strike "
        "strong sub summary sup svg table tbody td tfoot th thead title tr tt u ul var video wbr",
    )
)
_ENTITIES: Final = r"&(?:[A-Za-z][A-Za-z0-9._-]{1,40}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});"

# Trailing punctuation belongs to the sentence: the last character is one that ends no clause.
_OF_ADDRESS: Final = r"(?:(?!&(?:gt|lt|quot);)[^\s<>\[\]\"'`“”„«»|\\^\u3000-\u303f\uff00-\uffef])"
_ADDRESS_END: Final = r"(?<![.,;:!?…)\]}*_])"
_DOMAINS: Final = "com|org|net|edu|gov|info|io|eu|de"
_ADDRESSES: Final = (
    rf"(?<![A-Za-z0-9_])(?:[a-z][a-z0-9+.-]{{1,15}}://|www\.(?=\w)|mailto:(?=\w)){_OF_ADDRESS}{{1,2000}}{_ADDRESS_END}"
    r"|(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w@])"
    rf"|(?<![\w.@/-])(?:[a-z0-9-]{{1,63}}\.){{1,8}}(?:{_DOMAINS})(?![\w.]\w|\w)"
    rf"(?:/(?:{_OF_ADDRESS}{{0,2000}}{_ADDRESS_END})?)?"
)
_FILE_ENDINGS: Final = (
    "txt|html|htm|css|js|ts|json|xml|yaml|yml|toml|ini|cfg|conf|log|md|rst|csv|tsv|pdf|png|jpg|jpeg|gif|svg|"
    "webp|mp3|mp4|ogg|wav|zip|tar|gz|bz2|xz|deb|rpm|exe|dll|docx|xlsx|pptx|odt|ods|odp|epub|srt|vtt|po|pot|py|"
    "sh|cpp|java|sql|db"
)
_START: Final = r"(?<![^\s(\[\"'“„=|,:])"
_COMPONENT: Final = r"[\w.+@~%*-]{1,255}"
_CODE: Final = (
    r"(?<![`\w])(?P<tick>`{1,2})(?![`\s])[^`\n]{1,300}(?<![\s.,!?])(?P=tick)(?![`\w])"
    # --option and --option=value; of --option=VALUE a person replaces the value
    rf"|{_START}--[A-Za-z][\w-]{{1,60}}(?:=[a-z0-9%{{/.~][\w./:@%{{}}-]{{0,80}}(?<![.:]))?(?![\w-])"
    # /usr/bin, ~/notes, ./run and C:\Temp
    rf"|{_START}(?:(?:~|\.{{1,2}})/(?=\w)|/(?=[a-z.]|Users/|Library/|System/|Applications/|Volumes/)[\w.+-]{{1,255}}/)"
    rf"{_COMPONENT}(?:/{_COMPONENT}){{0,40}}/?(?<![.])"
    r"|(?<![\w\\])[A-Za-z]:\\(?:[\w.+@~ -]{1,255}\\){0,40}[\w.+@~-]{1,255}(?<![.])"
    rf"|(?<![\w./-])[\w-][\w.-]{{0,120}}\.(?:{_FILE_ENDINGS})(?![\w-]|\.\w)"
)

_PICTURES: Final = (
    "\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa\u2600-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c"
    "\u2b50\u2b55\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff"
)
_PICTURE: Final = f"(?:[{_PICTURES}]|[\u00a9\u00ae\u2122\u203c\u2049\u2139\u2194-\u21aa]\ufe0f)"
_ONE_PICTURE: Final = rf"{_PICTURE}(?:\ufe0f|[\U0001f3fb-\U0001f3ff]|[\U000e0020-\U000e007f])*+"
_EMOJI: Final = (
    rf"(?:{_ONE_PICTURE}(?:\u200d{_ONE_PICTURE})*+"
    r"|[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|[\U0001f3fb-\U0001f3ff])++"
)

_PATTERNS: Final = {
    "code": (_CODE, Kind.CODE),
    "address": (_ADDRESSES, Kind.ADDRESS),
    "braces": (_BRACES, Kind.PLACEHOLDER),
    "tag": (_TAGS, Kind.TAG),
    "percent": (_PERCENT, Kind.PLACEHOLDER),
    "entity": (_ENTITIES, Kind.TAG),
    "variable": (_VARIABLES, Kind.PLACEHOLDER),
    "emoji": (_EMOJI, Kind.EMOJI),
}
_KINDS: Final = {name: kind for name, (_, kind) in _PATTERNS.items()}
_ANY: Final = re.compile("|".join(f"(?P<{name}>{pattern})" for name, (pattern, _) in _PATTERNS.items()))

_SIGNS: Final = re.compile(r"[%{$<`@&/_\\]|--|\.[a-z]|\(\)")
_EMOJI_SIGN: Final = re.compile(f"[{_PICTURES}\ufe0f\u20e3\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")


def protected_spans(text: str) -> tuple[Span, ...]:
    """What of ``text`` must come out of a translation as it went in: ascending spans that do not overlap.

    These are placeholders (printf, Python, Qt, Ruby, braces, shell and Windows variables, templates), the
    skeletons of ICU choices but not the texts in their branches, tags and character references, URLs, e-mail
    addresses, code in backticks, long options, paths, file names, and emoji. The function takes linear time.
    """
    if not _SIGNS.search(text) and (text.isascii() or not _EMOJI_SIGN.search(text)):
        return ()
    return tuple(_found(text))


def _found(text: str) -> Iterator[Span]:
    start = 0
    closed = set(_CLOSING_TAG.findall(text)) if "</" in text else set()
    for first, end in [*(skeletons(text) if "{" in text else ()), (len(text), len(text))]:
        for match in _ANY.finditer(text, start, first):
            variable = _METAVARIABLE.fullmatch(match[0])
            if not variable or variable[1].lower() in _TAG_NAMES or variable[1] in closed:
                yield Span(match.start(), match.end(), _KINDS[str(match.lastgroup)])
        if first < end:
            yield Span(first, end, Kind.PLACEHOLDER)
        start = end
