"""A model comes whole or not at all, from a directory, an archive or a URL, and goes at once."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest

import octavo
from octavo.catalog import ArchiveError, CatalogError, DownloadError, add, installed, problem_of, remove
from octavo.catalog import download as download_module
from octavo.catalog.install import BESIDE
from octavo.errors import ModelError, OutputError
from octavo.model.scheme import Scheme

from ..models import write_tiny_model
from .conftest import Install
from .loopback import Handler, Loopback, serving, whole


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory called en-fr, with files for people, and others."""
    path = tmp_path_factory.mktemp("made") / "en-fr"
    write_tiny_model(path, scheme=Scheme.INT8_DYNAMIC, target_language="fr")
    for name in ("LICENSE", "MODEL_CARD.md", "notes.txt", ".hidden"):
        (path / name).write_text(name, encoding="utf-8")
    (path / "checkpoints").mkdir()
    return path


@pytest.fixture(scope="session")
def archive(made: Path) -> Path:
    path = made.with_name("served.tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        tar.add(made, "en-fr")
    return path


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "HTTP_PROXY", "OCTAVO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download_module, "_FIRST_WAIT_SECONDS", 0)


def names() -> list[str]:
    return [model.name for model in installed()]


def visible(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name != ".downloads")


KEPT = ["LICENSE", "MODEL_CARD.md", "config.json", "model.safetensors", "quality.json", "tokenizer.spm"]


def test_a_directory(made: Path, folder: Path) -> None:
    found = add(str(made))
    assert (found.name, found.path) == ("en-fr", folder / "en-fr")
    assert sorted(path.name for path in found.path.iterdir()) == KEPT
    assert visible(folder) == ["en-fr"]
    with octavo.load("en-fr", threads=1) as translator:
        assert translator("Bako tire.").text


def test_an_archive_with_a_folder_and_one_without(made: Path, archive: Path, folder: Path) -> None:
    assert add(str(archive)).name == "en-fr"
    flat = shutil.make_archive(str(archive.with_name("flat-1.0")), "zip", made)
    assert add(flat).name == "flat-1.0"
    assert add(flat, name="other").name == "other"
    assert visible(folder) == ["en-fr", "flat-1.0", "other"]
    assert sorted(path.name for path in (folder / "flat-1.0").iterdir()) == KEPT


def test_a_name_that_is_taken(made: Path, folder: Path, install: Install) -> None:
    install("en-fr")
    with pytest.raises(CatalogError, match="is installed; choose another with --name, or replace it"):
        add(str(made))
    assert add(str(made), overwrite=True).precision == "int8"
    assert visible(folder) == ["en-fr"]


@pytest.mark.parametrize("name", ["../outside", "a/b", ".hidden", "", "a b", "x" * 101, "-x"])
def test_a_name_that_cannot_be(made: Path, folder: Path, name: str) -> None:
    with pytest.raises(CatalogError, match="cannot be the name of a model"):
        add(str(made), name=name)
    assert not folder.exists()


def test_a_damaged_model_does_not_appear(made: Path, folder: Path, tmp_path: Path, install: Install) -> None:
    """Nor does it replace one."""
    install("en-fr")
    damaged = tmp_path / "damaged" / "en-fr"
    shutil.copytree(made, damaged)
    data = bytearray((damaged / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (damaged / "model.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"the file is altered") as told:
        add(str(damaged), overwrite=True)
    assert str(told.value).startswith(f"{damaged}/model.safetensors: ")
    packed = shutil.make_archive(str(tmp_path / "packed"), "gztar", damaged.parent)
    with pytest.raises(ModelError, match=r"^.*packed.tar.gz/model.safetensors: the checksum differs"):
        add(packed, overwrite=True)
    assert visible(folder) == ["en-fr"]
    assert problem_of(installed()[0]) is None


def test_what_is_no_model(folder: Path, tmp_path: Path, made: Path) -> None:
    for name in ("empty", "two/a", "two/b"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copytree(made, tmp_path / "two" / name, dirs_exist_ok=True)
    with pytest.raises(ModelError, match=r"empty: has no config\.json"):
        add(str(tmp_path / "empty"))
    for name, words in (
        ("empty", r"holds no config\.json at its top"),
        ("two", "holds several"),
    ):
        packed = shutil.make_archive(str(tmp_path / "packed"), "tar", tmp_path / name)
        with pytest.raises(ArchiveError, match=words):
            add(packed)
    with pytest.raises(CatalogError, match="nowhere: no such file or directory; a model is a directory"):
        add("nowhere")
    assert visible(folder) == []


def test_an_archive_that_unpacks_to_too_much(archive: Path, folder: Path) -> None:
    with pytest.raises(ArchiveError, match="bytes unpacked; if it should be so large, raise --max-size"):
        add(str(archive), most_bytes=20_000)
    assert visible(folder) == []


def test_checksums(archive: Path, made: Path, folder: Path) -> None:
    right = hashlib.sha256(archive.read_bytes()).hexdigest()
    with pytest.raises(DownloadError, match=f"has the SHA-256 checksum {right}, not {'0' * 64}"):
        add(str(archive), sha256="0" * 64)
    with pytest.raises(DownloadError, match="'12' is no SHA-256 checksum of 64 hexadecimal digits"):
        add(str(archive), sha256="12")
    with pytest.raises(CatalogError, match="a directory, which has no checksum"):
        add(str(made), sha256=right)
    assert not folder.exists()
    assert add(str(archive), sha256=right.upper()).name == "en-fr"


def test_a_url_with_breaks(archive: Path, folder: Path) -> None:
    data = archive.read_bytes()
    checksum = hashlib.sha256(data).hexdigest()
    with serving(Loopback(data, whole(breaks_after=5000), whole())) as server:
        assert add(server.url, sha256=checksum).name == "en-fr"
        assert server.sent == [5000, len(data) - 5000]
    assert list((folder / ".downloads").iterdir()) == []
    assert visible(folder) == ["en-fr"]


def test_a_url_with_its_checksum_beside_it(archive: Path, folder: Path) -> None:
    data = archive.read_bytes()
    listed = [f"{hashlib.sha256(data).hexdigest()}  served.tar.gz\n".encode()]

    def either(handler: Handler, server: Loopback) -> None:
        server.data = listed[0] if handler.path.endswith(".sha256") else data
        whole()(handler, server)

    with serving(Loopback(data, either)) as server:
        assert add(server.url, sha256=BESIDE).name == "en-fr"
        listed[0] = b"0" * 64
        with pytest.raises(DownloadError, match="it is damaged or another file, and was not installed"):
            add(server.url, sha256=BESIDE, overwrite=True)
    assert list((folder / ".downloads").iterdir()) == []  # it would be no better the next time


def test_a_broken_download_is_kept_and_no_model_appears(archive: Path, folder: Path) -> None:
    data = archive.read_bytes()
    with serving(Loopback(data, whole(breaks_after=5000), whole(breaks_after=0))) as server:
        with pytest.raises(DownloadError, match="ended after 5,000 of"):
            add(server.url)
        assert visible(folder) == []
        server.answers = [whole()]
        assert add(server.url).name == "en-fr"
        assert sum(server.sent) == len(data)


def test_a_name_that_is_taken_costs_no_second_download(archive: Path, install: Install) -> None:
    install("en-fr")
    with serving(Loopback(archive.read_bytes())) as server:
        with pytest.raises(CatalogError, match="is installed; choose another with --name"):
            add(server.url)
        assert add(server.url, name="other").name == "other"
        assert server.sent == [len(server.data), 0]
        with pytest.raises(CatalogError, match="is installed"):
            add(server.url, name="other")  # told before anything is asked for
        assert len(server.requests) == 2


def test_what_a_url_brings_that_is_no_archive(folder: Path) -> None:
    with serving(Loopback(b"<!DOCTYPE html>Not found" * 100)) as server:
        with pytest.raises(ArchiveError, match=r"served.tar.gz: damaged, or no archive"):
            add(server.url)
        assert list((folder / ".downloads").iterdir()) == []
    with pytest.raises(DownloadError, match="cannot be fetched"):
        add(server.url)
    assert list((folder / ".downloads").iterdir()) == []


def test_two_downloads_of_one_url_do_not_mix(archive: Path) -> None:
    def again(handler: Handler, server: Loopback) -> None:
        with pytest.raises(OutputError, match=r"another process .* is at work there"):
            add(server.url)
        whole()(handler, server)

    with serving(Loopback(archive.read_bytes(), again)) as server:
        assert add(server.url).name == "en-fr"


def test_models_go(folder: Path, install: Install) -> None:
    install("mine")
    (install("damaged") / "config.json").unlink()
    (folder / "damaged" / "config.json").write_text("", encoding="utf-8")
    assert remove("mine") == folder / "mine"
    assert remove("damaged") == folder / "damaged"
    assert visible(folder) == []
    with pytest.raises(CatalogError, match="en-de: comes with Octavo, and cannot be removed"):
        remove("en-de")
    install("en-de")
    remove("en-de")
    for name in ("mine", "../mine", "en-fr", ""):
        with pytest.raises(CatalogError, match=r"no model of that name is .* removed: none"):
            remove(name)
    assert names() == ["en-de"]


def test_a_link_goes_and_not_what_it_leads_to(folder: Path, install: Install, tmp_path: Path) -> None:
    elsewhere = install("mine").rename(tmp_path / "elsewhere")
    (folder / "linked").symlink_to(elsewhere)
    assert names() == ["linked", "en-de"]
    remove("linked")
    assert names() == ["en-de"]
    assert (elsewhere / "config.json").exists()


def test_what_is_wrong_with_a_model(install: Install) -> None:
    path = install("mine")
    mine = installed()[0]
    assert problem_of(mine) is None
    for name in ("model.safetensors", "tokenizer.spm", "config.json"):
        whole_file = (path / name).read_bytes()
        (path / name).write_bytes(whole_file[:-1] + bytes([whole_file[-1] ^ 1]))
        assert f"{path}/{name}" in str(problem_of(mine))
        (path / name).write_bytes(whole_file)
    assert problem_of(mine) is None
