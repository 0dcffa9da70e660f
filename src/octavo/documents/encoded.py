"""The characters of a document's bytes, and bytes of its characters again."""

from __future__ import annotations

import codecs
import dataclasses

from octavo.documents.document import DocumentError

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclasses.dataclass(frozen=True, slots=True)
class Encoding:
    """How a document's characters are written: Python's name of the codec, and the byte order mark."""

    codec: str
    mark: bytes = b""

    def encode(self, text: str, errors: str = "strict") -> bytes:
        """The bytes of ``text``, the byte order mark in front.

        Raises DocumentError if a character has none in this encoding.
        """
        try:
            return self.mark + text.encode(self.codec, errors)
        except UnicodeEncodeError as error:
            line = text.count("\n", 0, error.start) + 1
            raise DocumentError(
                f"the translation has {text[error.start]!r} (line {line}), which the document's encoding "
                f"{self.codec} cannot write: convert the document to UTF-8 first"
            ) from None


def mark_of(data: bytes) -> Encoding | None:
    """The encoding that a byte order mark at the front of ``data`` states, or None."""
    found = (Encoding(codec, mark) for mark, codec in _MARKS if data.startswith(mark))
    return next(found, None)


def decode(data: bytes, declared: str | None = None) -> tuple[str, Encoding]:
    """The text of ``data`` without its byte order mark, and how it was written.

    A byte order mark decides; then ``declared``, the name that the document itself gives; then it is UTF-8.
    Raises DocumentError, with the position of the byte, where the bytes are not of that encoding, and where
    writing the text again would not give the same bytes.
    """
    encoding = mark_of(data) or Encoding(_codec(declared))
    try:
        text = data[len(encoding.mark) :].decode(encoding.codec)
    except UnicodeDecodeError as error:
        position = error.start + len(encoding.mark)
        line = data.count(b"\n", 0, position) + 1
        raise DocumentError(
            f"byte {position + 1} (line {line}) is not {encoding.codec} text: convert the document to UTF-8, "
            "or state its encoding where its format allows that"
        ) from None
    if encoding.codec != "utf-8" and encoding.encode(text, "replace") != data:
        raise DocumentError(
            f"its bytes have several spellings in {encoding.codec} and would not stay as they are: "
            "convert the document to UTF-8"
        )
    return text, encoding


def _codec(name: str | None) -> str:
    """Python's name of the text encoding ``name``; UTF-8 where it is not given."""
    if name is None:
        return "utf-8"
    try:
        found = codecs.lookup(name)
        b"".decode(found.name)
    except (LookupError, ValueError):
        raise DocumentError(
            f"it states the encoding {name!r}, which is not known: convert it to UTF-8"
        ) from None
    return found.name
