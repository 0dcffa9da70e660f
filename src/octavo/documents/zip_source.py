"""ZIP archives as documents use them: read within limits, and written with some members replaced.

What is not replaced is carried over as it is stored, compressed bytes, dates, attributes and order included.
"""

from __future__ import annotations

import dataclasses
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping

from octavo.documents.document import DocumentError
from octavo.documents.xml_source import XmlSource, parse

MOST_MEMBERS = 20_000
MOST_BYTES = 1 << 30
"""The members of an archive take at most this, unpacked and packed."""
MOST_RATIO = 250
"""How many times its stored size a member may take, if that is more than 16 MiB."""
_SMALL = 16 << 20
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED, _HAS_DESCRIPTOR = 0x1, 0x8
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ZIP64 = 1


@dataclasses.dataclass(frozen=True)
class ZipSource:
    """An archive that was read and found to be in order."""

    data: bytes
    members: Mapping[str, zipfile.ZipInfo]
    directory: int
    comment: bytes

    def __contains__(self, name: str) -> bool:
        return name in self.members

    def read(self, name: str) -> bytes:
        """A member's bytes. Raises DocumentError if it is missing or damaged."""
        if name not in self.members:
            raise DocumentError(
                f"the archive has no {name}; it is not a document of this format, or not all of it"
            )
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                return archive.read(self.members[name])
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
            raise DocumentError(f"{name} in the archive is damaged ({error}); get the file again") from error

    def parse(self, name: str, prefixes: Mapping[str, str], *, named_entities: bool = False) -> XmlSource:
        """A member as XML; errors in it name the member."""
        data = self.read(name)
        try:
            return parse(data, prefixes, named_entities=named_entities)
        except DocumentError as error:
            raise DocumentError(f"{name} in the archive: {error}") from error

    def write(self, changed: Mapping[str, bytes]) -> bytes:
        """The archive with other bytes in some members. With none it is the same file."""
        if not changed:
            return self.data
        stored = {name: _Stored.of(data, self.members[name].compress_type) for name, data in changed.items()}
        by_place = sorted(self.members.values(), key=lambda info: info.header_offset)
        ends = [*(info.header_offset for info in by_place[1:]), self.directory]
        body = bytearray(self.data[: by_place[0].header_offset])
        places = {}
        for info, next_place in zip(by_place, ends, strict=True):
            places[info.filename] = len(body)
            if new := stored.get(info.filename):
                body += self._record(info, new)
            else:
                body += self.data[info.header_offset : next_place]
        entries, at = bytearray(), self.directory
        for info in self.members.values():
            start, at = at, at + _CENTRAL.size + sum(_CENTRAL.unpack_from(self.data, at)[10:13])
            entries += _entry(info, self.data[start:at], places[info.filename], stored.get(info.filename))
        count = len(self.members)
        end = _END.pack(b"PK\5\6", 0, 0, count, count, len(entries), len(body), len(self.comment))
        return bytes(body + entries + end + self.comment)

    def _record(self, info: zipfile.ZipInfo, new: _Stored) -> bytes:
        """A member's local header and new data."""
        fields = list(_LOCAL.unpack_from(self.data, info.header_offset))
        names = info.header_offset + _LOCAL.size
        extras = names + fields[9]
        extra = _without_zip64(self.data[extras : extras + fields[10]])
        fields[2] &= ~_HAS_DESCRIPTOR
        fields[6:9], fields[10] = (new.checksum, len(new.packed), new.size), len(extra)
        return _LOCAL.pack(*fields) + self.data[names:extras] + extra + new.packed


@dataclasses.dataclass(frozen=True)
class _Stored:
    """A member's new data as it is stored, and what its headers say of it."""

    packed: bytes
    size: int
    checksum: int

    @classmethod
    def of(cls, data: bytes, method: int) -> _Stored:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = data if method == zipfile.ZIP_STORED else packer.compress(data) + packer.flush()
        return cls(packed, len(data), zlib.crc32(data))


def _entry(info: zipfile.ZipInfo, raw: bytes, place: int, new: _Stored | None) -> bytes:
    """A member's entry in the directory."""
    fields = list(_CENTRAL.unpack_from(raw))
    names = _CENTRAL.size + fields[10]
    extra = _without_zip64(raw[names : names + fields[11]])
    comment = raw[names + fields[11] :]
    if new is None:
        fields[7:10] = info.CRC, info.compress_size, info.file_size
    else:
        fields[3] &= ~_HAS_DESCRIPTOR
        fields[7:10] = new.checksum, len(new.packed), new.size
    fields[11], fields[16] = len(extra), place
    return _CENTRAL.pack(*fields) + raw[_CENTRAL.size : names] + extra + comment


def _without_zip64(extra: bytes) -> bytes:
    """The extra field without 64-bit sizes, which no archive within the limits needs."""
    kept, at = b"", 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind != _ZIP64:
            kept += extra[at : at + 4 + size]
        at += 4 + size
    return kept + extra[at:]


def open_zip(data: bytes) -> ZipSource:
    """Read a directory. Raises DocumentError for what is no archive, damaged, encrypted or a bomb."""
    if data.startswith(_OLE):
        raise DocumentError(_about_ole(data))
    if len(data) > MOST_BYTES:
        raise DocumentError(f"the file has more than {MOST_BYTES >> 20:,} MiB; split it")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos, directory, comment = archive.infolist(), archive.start_dir, archive.comment
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise DocumentError(
            f"this is not a ZIP archive, or a damaged one ({error}); get the file again"
        ) from error
    _check_names(infos)
    _check_sizes(data, infos, directory)
    return ZipSource(data, {info.filename: info for info in infos}, directory, comment)


def _about_ole(data: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in data:
        return "the document is encrypted; remove the password in the program that made it"
    return (
        "this is a document of the old binary kind (.doc, .xls, .ppt); save it in the newer one "
        "(.docx, .xlsx, .pptx)"
    )


def _check_names(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MOST_MEMBERS:
        raise DocumentError(f"the archive has {len(infos):,} members; at most {MOST_MEMBERS:,} are read")
    if not infos:
        raise DocumentError("the archive is empty")
    seen = set()
    for info in infos:
        name = info.filename
        if info.flag_bits & _ENCRYPTED:
            raise DocumentError("the document is encrypted; remove the password in the program that made it")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DocumentError(f"{name} in the archive is packed in a way that documents do not use")
        if (
            re.match(r"[/\\]|[A-Za-z]:", name)
            or ".." in re.split(r"[/\\]", name)
            or name != info.orig_filename
        ):
            raise DocumentError(f"the archive has a member outside it, {name!r}; it is not a document")
        if name in seen:
            raise DocumentError(f"the archive has two members {name!r}; it is damaged or made to deceive")
        seen.add(name)


def _check_sizes(data: bytes, infos: list[zipfile.ZipInfo], directory: int) -> None:
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise DocumentError(
            f"the document takes more than {MOST_BYTES >> 20:,} MiB unpacked; it may be a ZIP bomb"
        )
    for info in infos:
        if info.file_size > max(_SMALL, MOST_RATIO * info.compress_size):
            raise DocumentError(
                f"{info.filename} in the archive is packed to less than 1 in {MOST_RATIO} of its "
                f"{info.file_size:,} bytes; it may be a ZIP bomb"
            )
    by_place = sorted(infos, key=lambda info: info.header_offset)
    ends = [*(info.header_offset for info in by_place[1:]), directory]
    for info, end in zip(by_place, ends, strict=True):
        start = info.header_offset
        if start < 0 or data[start : start + 4] != b"PK\3\4":
            raise DocumentError(f"{info.filename} is not where the archive says; part of the file is missing")
        if start + _LOCAL.size + info.compress_size > end:
            raise DocumentError(
                f"{info.filename} in the archive overlaps what follows; the archive is damaged"
            )
