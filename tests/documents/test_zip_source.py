"""Archives: members carried over as they are stored, and what is refused."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from tests.documents.archives import archive

from octavo.documents import DocumentError, zip_source
from octavo.documents.zip_source import open_zip

MEMBERS = {"mimetype": "application/x", "a/b.xml": "<b/>" * 100, "ä.png": b"\x89PNG" * 50, "c.xml": "<c/>"}


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def infos(data: bytes) -> list[tuple[object, ...]]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        return [
            (
                info.filename,
                info.compress_type,
                info.date_time,
                info.external_attr,
                info.comment,
                opened.read(info),
            )
            for info in opened.infolist()
        ]


def test_nothing_changed_is_the_same_file() -> None:
    data = archive(MEMBERS, stored=["mimetype"])
    assert open_zip(data).write({}) is data


def test_one_member_changes_and_no_other() -> None:
    data = archive(MEMBERS, stored=["mimetype", "c.xml"])
    before = infos(data)
    for name in MEMBERS:
        new = infos(open_zip(data).write({name: b"new " * 1000}))
        assert new == [(*info[:5], b"new " * 1000) if info[0] == name else info for info in before]


class Unseekable(io.RawIOBase):
    """A file that is written as a stream, so that sizes follow the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.data += bytes(data)  # type: ignore[call-overload]
        return len(bytes(data))  # type: ignore[call-overload]


def test_sizes_after_the_data_in_64_bits_prefixes_and_comments() -> None:
    file = Unseekable()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in MEMBERS.items():
            with out.open(name, "w", force_zip64=True) as member:
                member.write(content if isinstance(content, bytes) else content.encode())
        out.comment = b"a comment"
    data = b"prefix" + bytes(file.data)
    before = infos(data)
    changed = open_zip(data).write({"c.xml": b"<new/>"})
    assert infos(changed) == [(*info[:5], b"<new/>") if info[0] == "c.xml" else info for info in before]
    assert changed.startswith(b"prefix") and changed.endswith(b"a comment")


def bad_crc() -> bytes:
    data = archive({"a.xml": "<a/>"}, stored=["a.xml"])
    return data.replace(b"<a/>", b"<b/>")


def encrypted() -> bytes:
    data = bytearray(archive({"a.xml": "<a/>"}))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def renamed(name: str) -> bytes:
    return archive({"x" * len(name): "a"}).replace(b"x" * len(name), name.encode())


def overlapping() -> bytes:
    """Two entries of one place."""
    data = archive({"a.xml": "a" * 50, "b.xml": "a" * 50})
    second = data.rindex(b"PK\1\2")
    return data[: second + 42] + struct.pack("<I", 0) + data[second + 46 :]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a ZIP archive"),
        (b"PK\3\4 and then nothing", "not a ZIP archive"),
        (archive(MEMBERS)[:-30], "not a ZIP archive"),
        (archive(MEMBERS)[50:], "part of the file is missing"),
        (archive({}), "the archive is empty"),
        (encrypted(), "encrypted; remove the password"),
        (
            OLE + "EncryptedPackage".encode("utf-16-le"),
            "encrypted; remove the password",
        ),
        (OLE + b"Word", r"old binary kind .* save it in the newer one"),
        (renamed("/etc/passwd"), "member outside it"),
        (renamed("../../passwd"), "member outside it"),
        (renamed("a\\..\\..\\b"), "member outside it"),
        (renamed("C:\\a.xml"), "member outside it"),
        (renamed("a.xml\0.png"), "member outside it"),
        (overlapping(), "overlaps what follows"),
        (archive({"a.xml": b"\0" * (17 << 20)}), "may be a ZIP bomb"),
        (archive({str(number): b"" for number in range(20_001)}), "20,001 members"),
    ],
)
def test_what_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        open_zip(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a.xml", "1")
        out.writestr("a.xml", "2")
    with pytest.raises(DocumentError, match=r"two members 'a\.xml'"):
        open_zip(file.getvalue())


def test_what_it_all_takes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_source, "MOST_BYTES", 10 << 20)
    with pytest.raises(DocumentError, match="more than 10 MiB unpacked"):
        open_zip(archive({str(number): b"\0" * (2 << 20) for number in range(6)}))
    with pytest.raises(DocumentError, match="the file has more than 10 MiB"):
        open_zip(bytes(11 << 20))


def test_a_size_that_is_a_lie_reads_no_more_than_it_says() -> None:
    data = bytearray(archive({"a.xml": b"\0" * (30 << 20)}))
    entry = data.index(b"PK\1\2")
    data[entry + 24 : entry + 28] = struct.pack("<I", 1000)
    with pytest.raises(DocumentError, match=r"a\.xml in the archive is damaged"):
        open_zip(bytes(data)).read("a.xml")


def test_damaged_and_missing_members() -> None:
    with pytest.raises(DocumentError, match=r"a\.xml in the archive is damaged .*CRC"):
        open_zip(bad_crc()).read("a.xml")
    data = bytearray(archive({"a.xml": "abcdefgh" * 1000}))
    data[40:60] = b"\xff" * 20
    with pytest.raises(DocumentError, match=r"a\.xml in the archive is damaged"):
        open_zip(bytes(data)).read("a.xml")
    with pytest.raises(DocumentError, match=r"the archive has no b\.xml"):
        open_zip(bytes(data)).read("b.xml")
