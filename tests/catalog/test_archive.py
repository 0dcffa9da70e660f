"""Archives that nobody vouches for: what is unpacked is plain files below one folder, or nothing."""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from octavo.catalog import ArchiveError
from octavo.catalog import archive as module
from octavo.catalog.archive import unpack

FILES = {"model/config.json": b"{}", "model/weights": bytes(range(256)) * 700, "model/empty": b""}
MOST = 1 << 20
MOST_MEMBERS = 10


@pytest.fixture(autouse=True)
def _few_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MEMBERS", MOST_MEMBERS)


def member(name: str, data: bytes = b"", **changes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, data


def tar(*members: tuple[tarfile.TarInfo, bytes], **options: object) -> bytes:
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:", **options) as archive:  # type: ignore[call-overload]
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return found.getvalue()


def good_tar() -> bytes:
    return tar(member("model", type=tarfile.DIRTYPE), *(member(name, data) for name, data in FILES.items()))


def good_zip() -> bytes:
    return zip_of(*((zipfile.ZipInfo(name), data) for name, data in FILES.items()))


def zip_of(*members: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in members:
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return found.getvalue()


def zstd(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard", reason="archives in Zstandard need zstandard")
    return bytes(zstandard.compress(data))


def unpacked(data: bytes, tmp_path: Path, most: int = MOST) -> dict[str, bytes]:
    archive, folder = tmp_path / "archive", tmp_path / "folder"
    archive.write_bytes(data)
    folder.mkdir()
    unpack(archive, folder, "archive", most_bytes=most)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def refused(data: bytes, tmp_path: Path, words: str) -> None:
    with pytest.raises(ArchiveError, match=words) as told:
        unpacked(data, tmp_path)
    assert str(told.value).startswith("archive: ")
    assert {path.name for path in tmp_path.iterdir()} <= {"archive", "folder", "here"}


@pytest.mark.parametrize(
    "packed",
    [
        good_tar,
        lambda: gzip.compress(good_tar()),
        lambda: lzma.compress(good_tar()),
        lambda: zstd(good_tar()),
        good_zip,
        lambda: tar(*(member(f"./{name}", data) for name, data in FILES.items()), format=tarfile.GNU_FORMAT),
        lambda: tar(
            *(member(name, data, pax_headers={"comment": "x" * 5000}) for name, data in FILES.items())
        ),
    ],
    ids=["tar", "gz", "xz", "zst", "zip", "with ./", "with comments"],
)
def test_what_is_unpacked(packed: Callable[[], bytes], tmp_path: Path) -> None:
    assert unpacked(packed(), tmp_path) == FILES


LINK = tarfile.SYMTYPE


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([member("/etc/passwd", b"x")], "leads elsewhere"),
        ([member("../outside", b"x")], "leads elsewhere"),
        ([member("model/../../outside", b"x")], "leads elsewhere"),
        ([member("..\\outside", b"x")], "leads elsewhere"),
        ([member("a/b/c/d/e", b"x")], "too deep"),
        ([member("bell\x07", b"x")], "leads elsewhere"),
        ([member("link", type=LINK, linkname="/etc"), member("link/passwd", b"x")], "is a link"),
        ([member("a", b"x"), member("b", type=tarfile.LNKTYPE, linkname="a")], "is a link"),
        ([member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3)], "no plain file|but a plain file"),
        ([member("pipe", type=tarfile.FIFOTYPE)], "but a plain file"),
        ([member("twice", b"x"), member("twice", b"y")], "comes twice"),
        ([member("a", b"x"), member("a/b", b"y")], "comes twice"),
        ([member(str(i)) for i in range(MOST_MEMBERS + 1)], "more than 10 members"),
        ([member("zeros", bytes(MOST + 1))], "bytes unpacked; if it should be so large, raise --max-size"),
        ([member("half", bytes(MOST // 2)), member("more", bytes(MOST // 2 + 1))], "bytes unpacked"),
        ([member("a", b"x", pax_headers={"comment": "x" * (1 << 21)})], "header is larger"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_tar_archives(
    members: list[tuple[tarfile.TarInfo, bytes]], words: str, tmp_path: Path
) -> None:
    refused(gzip.compress(tar(*members)), tmp_path, words)


def info(name: str, mode: int = 0) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.external_attr = mode << 16
    return found


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([(info("/etc/passwd"), b"x")], "leads elsewhere"),
        ([(info("../outside"), b"x")], "leads elsewhere"),
        ([(info("link", stat.S_IFLNK | 0o777), b"/etc")], "is a link"),
        ([(info("device", stat.S_IFCHR | 0o777), b"")], "but a plain file"),
        ([(info("zeros"), bytes(MOST + 1))], "bytes unpacked"),
        ([(info(str(i)), b"") for i in range(MOST_MEMBERS + 1)], "more than 10 members"),
        ([(info(f"{i:0200}"), b"") for i in range(5000)], "its list of members is larger"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_zip_archives(
    members: list[tuple[zipfile.ZipInfo, bytes]], words: str, tmp_path: Path
) -> None:
    refused(zip_of(*members), tmp_path, words)


def test_a_name_that_comes_twice_in_a_zip_archive(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zip_of((info("twice"), b"x"), (info("twice"), b"y"))
    refused(data, tmp_path, "comes twice")


def test_an_encrypted_zip_archive(tmp_path: Path) -> None:
    data = bytearray(zip_of((info("secret"), b"x")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    refused(bytes(data), tmp_path, "is encrypted")


def test_a_zip_member_without_a_name(tmp_path: Path) -> None:
    data = zip_of((info("aaaa"), b"x"))
    refused(data.replace(b"aaaa", b"\x00aaa"), tmp_path, "damaged, or no archive")


def test_a_zip_archive_whose_list_leads_before_its_start(tmp_path: Path) -> None:
    data = bytearray(zip_of((info("a"), b"x")))
    place = data.index(b"PK\x05\x06") + 16
    data[place : place + 4] = (1 << 24).to_bytes(4, "little")
    refused(bytes(data), tmp_path, "damaged, or no archive")


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstd], ids=["gz", "xz", "zst"])
def test_a_bomb_stops_at_the_limit(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """What follows the members is no way around it: the stream itself has an end."""
    bomb = pack(tar(member("small", b"x")) + bytes(6 << 20))
    assert len(bomb) < 100_000
    assert unpacked(bomb, tmp_path) == {"small": b"x"}
    (tmp_path / "again").mkdir()
    refused(pack(tar(member("large", bytes(6 << 20)))), tmp_path / "again", "bytes unpacked")


def test_a_dictionary_that_needs_much_memory(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    with pytest.raises(ArchiveError, match="damaged, or no archive"):
        unpacked(lzma.compress(good_tar(), filters=filters), tmp_path)


@pytest.mark.parametrize(
    "packed", [good_tar, lambda: gzip.compress(good_tar()), lambda: lzma.compress(good_tar()), good_zip]
)
def test_a_damaged_archive_is_an_error_wherever_it_ends(packed: Callable[[], bytes], tmp_path: Path) -> None:
    """Cut anywhere, it is refused, or it was cut where a tar archive may end, and then files are whole."""
    data = packed()
    for number, end in enumerate(range(0, len(data) - 1, max(1, len(data) // 40))):
        place = tmp_path / str(number)
        place.mkdir()
        try:
            found = unpacked(data[:end], place)
        except ArchiveError:
            continue
        assert found.items() <= FILES.items()


def test_a_file_that_is_no_archive(tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"Hello.", b"PK", bytes(5000), b"<!DOCTYPE html><p>404</p>" * 99)):
        place = tmp_path / str(number)
        place.mkdir()
        if number == 3:  # an empty tar archive
            assert unpacked(data, place) == {}
        else:
            refused(data, place, "damaged")
