"""JSON: every string that is a value and has a letter is a passage. Keys and the layout stay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from octavo.documents.document import DocumentError, DocumentOptions
from octavo.documents.encoded import decode
from octavo.documents.spliced_text import Place, SplicedDocument
from octavo.documents.string_place import string_place

_TOKEN: Final = re.compile(r"\"(?:[^\"\\]++|\\.)*+\"|[{}\[\],:]")
_IS_KEY: Final = re.compile(r"[ \t\r\n]*+:")
_ESCAPED_CHARACTER: Final = re.compile(r"\\u[0-9a-fA-F]{4}")


def read(data: bytes, options: DocumentOptions) -> SplicedDocument:  # noqa: ARG001 - what every format takes
    """The passages of a file. Raises DocumentError, with line and column, if it is no JSON."""
    return read_strings(data, skips_metadata=False)


def read_strings(data: bytes, skips_metadata: bool) -> SplicedDocument:
    """The passages of a file; with ``skips_metadata`` what belongs to a key with ``@`` in front is none."""
    text, encoding = decode(data)
    _check(text)
    return SplicedDocument(text, encoding, _places(text, skips_metadata))


def _check(text: str) -> None:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"line {error.lineno}, column {error.colno}: it is no JSON ({error.msg}): correct it there"
        ) from None
    except RecursionError:
        raise DocumentError("its values are nested too deeply for JSON that people write") from None


def _places(text: str, skips_metadata: bool) -> Iterator[Place]:
    """The places in a text that is known to be JSON."""
    only_ascii = text.isascii() and bool(_ESCAPED_CHARACTER.search(text))
    depth, metadata_depth, is_metadata = 0, None, False
    for token in _TOKEN.finditer(text):
        sign = token[0][0]
        if sign in "{[":
            depth += 1
            if is_metadata and metadata_depth is None:
                metadata_depth = depth
        elif sign in "}]":
            if metadata_depth == depth:
                metadata_depth = None
            depth -= 1
        elif sign == "," and metadata_depth is None:
            is_metadata = False
        elif sign == '"' and _IS_KEY.match(text, token.end()):
            if metadata_depth is None:
                is_metadata = skips_metadata and token[0].startswith('"@')
        elif sign == '"' and not is_metadata:
            slashes = "\\/" in token[0]

            def written(string: str, slashes: bool = slashes) -> str:
                source = json.dumps(string, ensure_ascii=only_ascii)[1:-1]
                return source.replace("/", "\\/") if slashes else source

            place = string_place(token.start() + 1, token.end() - 1, json.loads(token[0]), written)
            if place:
                yield place
