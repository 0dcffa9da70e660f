"""Small archives and documents of tests, written by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

from octavo.documents import Document
from octavo.text.parts import Kept, Mark, Part, Side

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"


def archive(members: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    """A ZIP archive with these members; those in ``stored`` are not compressed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, (2021, 3, 4, 5, 6, 8))
            info.external_attr = 0o640 << 16
            out.writestr(info, data, zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED)
    return file.getvalue()


def package(kinds: Mapping[str, str], members: Mapping[str, str | bytes]) -> bytes:
    """An Office Open XML package; ``kinds`` are the content types of its parts without what all share."""
    vendor = "application/vnd.openxmlformats-officedocument"
    overrides = "".join(
        f'<Override PartName="/{name}" ContentType="{vendor}.{kind}+xml"/>' for name, kind in kinds.items()
    )
    types = (
        f'<Types xmlns="{_TYPES}"><Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>'
    )
    return archive({"[Content_Types].xml": types, **members})


def docx(body: str, **others: str) -> bytes:
    """A DOCX document; ``others`` are further parts in word/, such as header1, with their XML."""
    kinds = {"word/document.xml": "wordprocessingml.document.main"}
    members: dict[str, str | bytes] = {
        "word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>"
    }
    for name, xml in others.items():
        kinds[f"word/{name}.xml"] = f"wordprocessingml.{name.rstrip('0123456789')}"
        members[f"word/{name}.xml"] = xml
    return package(kinds, {**members, "word/media/image1.png": b"\x89PNG"})


def member(data: bytes, name: str) -> str:
    """The text of a member."""
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return opened.read(name).decode()


def shown(parts: Sequence[Part]) -> str:
    """Parts as one line: [1] and [/1] around text, [2.] for a place, and {text} for what is kept."""
    signs = {Side.OPEN: "[{}]", Side.CLOSE: "[/{}]", Side.PLACE: "[{}.]"}
    return "".join(
        part
        if isinstance(part, str)
        else f"{{{part.text}}}"
        if isinstance(part, Kept)
        else signs[part.side].format(part.id)
        for part in parts
    )


def lines(document: Document) -> list[str]:
    """The passages of a document as lines."""
    return [shown(passage.parts) for passage in document.passages]


def upper(parts: Sequence[Part]) -> tuple[Part, ...]:
    """A translation: the text in capitals, the marks where they were."""
    return tuple(part.upper() if isinstance(part, str) else part for part in parts)


def translated(document: Document, translate: Callable[[Sequence[Part]], tuple[Part, ...]] = upper) -> bytes:
    """The document with each passage translated."""
    return document.write([translate(passage.parts) for passage in document.passages])


def swapped(parts: Sequence[Part]) -> tuple[Part, ...]:
    """A translation in which whole elements and texts stand in the reverse order."""
    groups: list[list[Part]] = []
    depth = 0
    for part in parts:
        if depth:
            groups[-1].append(part)
        else:
            groups.append([part])
        if isinstance(part, Mark):
            depth += {Side.OPEN: 1, Side.CLOSE: -1, Side.PLACE: 0}[part.side]
    return tuple(part for group in reversed(groups) for part in group)
