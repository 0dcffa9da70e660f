"""Files that people take for text: told by their first bytes, with what turns them into text."""

from __future__ import annotations

from typing import Final

_KINDS: Final[tuple[tuple[bytes, str], ...]] = (
    (
        b"PK\x03\x04",
        "a ZIP archive, as DOCX and ODT are; octavo translate FILE.docx -o NEW.docx translates a document",
    ),
    (b"%PDF-", "a PDF; take the text out of it first, for instance with: pdftotext -layout FILE TEXT"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Office document; save it as DOCX, XLSX or PPTX, or as plain text, in UTF-8",
    ),
    (b"{\\rtf", "an RTF document; save it as DOCX or ODT, or as plain text, in UTF-8"),
    (b"\x1f\x8b", "compressed with gzip; unpack it first, for instance with: gunzip -c FILE > TEXT"),
    (b"\xff\xfe\x00\x00", "UTF-32; convert it first: iconv -f UTF-32 -t UTF-8 FILE > TEXT"),
    (b"\x00\x00\xfe\xff", "UTF-32; convert it first: iconv -f UTF-32 -t UTF-8 FILE > TEXT"),
    (b"\xff\xfe", "UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 FILE > TEXT"),
    (b"\xfe\xff", "UTF-16; convert it first: iconv -f UTF-16 -t UTF-8 FILE > TEXT"),
)
_FEWEST_BYTES: Final = 4
_WITH_NULS: Final = (
    "a binary file or UTF-16, as a third of it is zeros; if it is text, convert it first: "
    "iconv -f UTF-16LE -t UTF-8 FILE > TEXT"
)


def kind_of(first: bytes) -> str | None:
    """What begins with these bytes, and what to do with it; None where it may be UTF-8 text."""
    if kind := next((kind for mark, kind in _KINDS if first.startswith(mark)), None):
        return kind
    return _WITH_NULS if len(first) >= _FEWEST_BYTES and 3 * first.count(0) >= len(first) else None
