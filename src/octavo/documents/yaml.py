"""YAML: every scalar that is a string, has a letter and is no key is a passage, written in the style it had.

ruamel.yaml finds and checks the scalars. A plain one whose translation would be something else gets quotes.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.spliced_text import Place, SplicedDocument, line_break
from octavo.documents.string_place import string_place

_STRING: Final = "tag:yaml.org,2002:str"
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")
_BLOCK_HEADER: Final = re.compile(
    r"[|>][+-]?[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)((?:[ \t]*(?:\r\n|\r|\n))*)( *)"
)
# Many programs still read these as YAML 1.1 does, as true and false.
_WORDS_OF_YAML_1_1: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
_DEEPEST: Final = 200


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a file. Raises DocumentError, with line and column, if it is no YAML."""
    text, encoding = decode(data)
    try:
        places = list(_places(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(
            f"{where}it is no YAML ({error.problem or error.context}): correct it there"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise DocumentError(f"it is no YAML ({' '.join(str(error).split())})") from None
    return SplicedDocument(text, encoding, places)


def _places(text: str) -> Iterator[Place]:
    yaml = YAML(typ="safe", pure=True)
    # Whether each open collection is a mapping, and whether a key is what it waits for.
    collections: list[list[bool]] = []
    for event in yaml.parse(text):
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            collections.pop()
            continue
        is_key = bool(collections) and collections[-1] == [True, True]
        if (
            isinstance(event, ScalarEvent | AliasEvent | MappingStartEvent | SequenceStartEvent)
            and collections
        ):
            collections[-1][1] = not collections[-1][1]
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            collections.append([isinstance(event, MappingStartEvent), True])
            if len(collections) > _DEEPEST:
                line = event.start_mark.line + 1
                raise DocumentError(f"line {line}: its values are nested deeper than {_DEEPEST} levels")
        elif isinstance(event, ScalarEvent) and not is_key and _is_string(event, yaml):
            place = _place(text, event)
            if place:
                yield place


def _is_string(event: Any, yaml: YAML) -> bool:
    """Whether a scalar is a string for those who load it."""
    if event.ctag is not None and str(event.ctag) not in ("None", _STRING):
        return False
    if event.style in ("'", '"', "|", ">"):
        return True
    if event.value.lower() in _WORDS_OF_YAML_1_1:
        return False
    return str(yaml.resolver.resolve(ScalarNode, event.value, (True, False))) == _STRING


def _place(text: str, event: Any) -> Place | None:
    start, end = event.start_mark.index, event.end_mark.index
    properties = _PROPERTIES.match(text, start, end)
    start = properties.end() if properties else start
    source = text[start:end]
    if event.style in ("|", ">"):
        return _block_place(text, start, end, event.value, folds=event.style == ">")
    writers: dict[str, Callable[[str], str]] = {"'": _single_quoted, '"': _double_quoted}
    if event.style not in writers:
        source = source.rstrip()
        end = start + len(source)
    written = writers.get(event.style, _plain)
    return string_place(start, end, event.value, written, wrapped="\n" in source)


def _single_quoted(string: str) -> str:
    return _double_quoted(string) if "\n" in string else "'" + string.replace("'", "''") + "'"


def _double_quoted(string: str) -> str:
    """A string of JSON is one of YAML; what is not printable gets an escape."""
    source = json.dumps(string, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in source)


def _plain(string: str) -> str:
    """The string as it is, if it stays the same string in a list and in a flow; else in quotes."""
    return string if _stays_plain(string) else _double_quoted(string)


@functools.lru_cache(maxsize=1024)
def _stays_plain(string: str) -> bool:
    if "\n" in string or string != string.strip():
        return False
    for source in (f"- {string}\n", f"[{string}]\n", f"- {string}: 0\n"):
        yaml = YAML(typ="safe", pure=True)
        try:
            scalars = [event for event in yaml.parse(source) if isinstance(event, ScalarEvent)]
        except YAMLError:
            return False
        if not scalars or scalars[0].value != string or not _is_string(scalars[0], yaml):
            return False
    return True


def _block_place(text: str, start: int, end: int, value: str, folds: bool) -> Place | None:
    """A block scalar: its lines from the first character to the last, without their indentation.

    None where the indentation of a line means something: that of the first, or any within folded lines.
    """
    header = _BLOCK_HEADER.match(text, start, end)
    if header is None:
        return None
    first, indentation = header.end(), header[2]
    source = text[first:end].rstrip()
    if folds and re.search(rf"[\r\n]{indentation}[ \t]+\S", source):
        return None
    ends = line_break(text)

    def written(translation: str) -> str:
        found = translation.replace("\n", "\n\n") if folds else translation
        stripped = (line.rstrip() for line in found.split("\n"))
        return ends.join(indentation * bool(number and line) + line for number, line in enumerate(stripped))

    return string_place(first, first + len(source), value.strip(), written, wrapped=folds)
