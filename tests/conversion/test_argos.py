"""Packages of Argos Translate become models; names and bombs in archives do no harm."""

from __future__ import annotations

import gc
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.artifact import ModelDirectory
from octavo.conversion import ConversionError, convert, export_ctranslate2
from octavo.conversion.families import family_of
from octavo.languages import TARGET
from octavo.model.scheme import Scheme

from ..models import tiny_config, write_tiny_model

CONFIG = tiny_config(suppressed_ids=(), output_bias=True, source_eos=False)
METADATA = {"package_version": "1.5", "argos_version": "1.9", "from_code": "en", "to_code": "de"}


def write_folder(path: Path, **metadata: Any) -> Path:
    """The folder of an installed package, its model int8, at ``path``/en_de."""
    write_tiny_model(path / "ours", config=CONFIG, scheme=Scheme.INT8_DYNAMIC)
    folder = path / "en_de"
    folder.mkdir()
    export_ctranslate2(path / "ours", folder / "model", dtype="int8")
    (folder / "model" / "source.spm").rename(folder / "sentencepiece.model")
    (folder / "model" / "target.spm").unlink()
    (folder / "metadata.json").write_text(json.dumps(METADATA | metadata))
    (folder / "README.md").write_text("A package.")
    return folder


def zipped(folder: Path, method: int = zipfile.ZIP_DEFLATED, **more: bytes) -> Path:
    """The folder as a package."""
    package = folder.parent / "translate-en_de-1_5.argosmodel"
    with zipfile.ZipFile(package, "w", method) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, str(file.relative_to(folder.parent)))
        for name, data in more.items():
            archive.writestr(name, data)
    return package


def check_same(path: Path, name: str) -> ModelDirectory:
    ours, again = ModelDirectory.open(path / "ours"), ModelDirectory.open(path / "again")
    assert again.config == CONFIG
    assert again.scheme is Scheme.INT8_DYNAMIC
    assert (again.name, again.source_language, again.target_language) == (name, "en", "de")
    assert (again.search.beam, again.search.length_penalty) == (4, 0.2)
    for tensor, array in ours.tensors():
        if tensor.endswith("weight_scale"):
            np.testing.assert_allclose(again.tensor(tensor), array, rtol=2e-7)
        else:
            np.testing.assert_array_equal(again.tensor(tensor), array)
    assert again.tokenizers()[0].encode("a b c") == ours.tokenizers()[0].encode("a b c")
    return again


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    package = zipped(write_folder(tmp_path), method)
    family = family_of(package)
    assert family is not None
    assert "Argos" in family.NAME
    convert(package, tmp_path / "again")
    gc.collect()
    assert not list(scratch.iterdir())
    check_same(tmp_path, "translate-en_de-1_5")


def test_an_installed_package(tmp_path: Path) -> None:
    convert(write_folder(tmp_path), tmp_path / "again")
    assert check_same(tmp_path, "en_de").languages is None


def test_a_forced_first_token(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, target_prefix="__pt__")
    file = folder / "model" / "shared_vocabulary.json"
    tokens = json.loads(file.read_text())
    with pytest.raises(ConversionError, match="target_prefix = '__pt__': the vocabulary has no such token"):
        convert(zipped(folder), tmp_path / "again")
    file.write_text(json.dumps([*tokens[:-1], "__pt__"]))
    convert(zipped(folder), tmp_path / "again")
    languages = ModelDirectory.open(tmp_path / "again").languages
    assert languages is not None
    assert languages.codes == {"__pt__": len(tokens) - 1}
    assert (languages.forced, languages.default_target) == ((TARGET,), "__pt__")


def lose(name: str) -> Callable[[Path], Path]:
    def damage(folder: Path) -> Path:
        (folder / name).unlink()
        return zipped(folder)

    return damage


def bpe(folder: Path) -> Path:
    (folder / "sentencepiece.model").rename(folder / "bpe.model")
    return zipped(folder)


def metadata(**values: Any) -> Callable[[Path], Path]:
    def damage(folder: Path) -> Path:
        (folder / "metadata.json").write_text(json.dumps(METADATA | values))
        return zipped(folder)

    return damage


def bomb(folder: Path) -> Path:
    (folder / "model" / "vmap.txt").write_bytes(bytes(64 << 20))
    return zipped(folder)


def encrypted(folder: Path) -> Path:
    package = zipped(folder)
    data = bytearray(package.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        flags = struct.unpack_from("<H", data, at + 8)[0] | 1
        struct.pack_into("<H", data, at + 8, flags)
        at = data.find(b"PK\x01\x02", at + 4)
    package.write_bytes(data)
    return package


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "bpe": (bpe, "cut by bpe.model, .*Moses.* newer package"),
    "no pieces": (lose("sentencepiece.model"), "has no sentencepiece.model"),
    "no weights": (lose("model/model.bin"), "cannot read tensors"),
    "no config": (lose("model/config.json"), "config.json: missing"),
    "sbd": (metadata(type="sbd"), "package of type 'sbd'"),
    "prefix": (metadata(target_prefix=["a"]), "target_prefix"),
    "twice": (
        lambda folder: zipped(folder, **{"en_de/model/model.bin": b"x"}),
        "holds model/model.bin twice",
    ),
    "two": (lambda folder: zipped(folder, **{"de_en/metadata.json": b"{}"}), "holds 2 folders"),
    "bomb": (bomb, "unpacks from .* no file of a model does"),
    "encrypted": (encrypted, "encrypted"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_package_is_refused(tmp_path: Path, kind: str) -> None:
    damage, message = REFUSED[kind]
    with pytest.raises(ConversionError, match=message) as caught:
        convert(damage(write_folder(tmp_path)), tmp_path / "again")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))


def test_names_in_an_archive_never_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "deep" / "scratch"
    scratch.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    hostile = ("../evil", "/evil", "en_de/../../evil", "en_de/model/../../evil", "..\\evil", "en_de/evil")
    package = zipped(write_folder(tmp_path), **dict.fromkeys(hostile, b"evil"))
    before = sorted(tmp_path.rglob("*"))
    convert(package, tmp_path / "again")
    gc.collect()
    left = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert all(path.is_relative_to(tmp_path / "again") for path in left)
    assert not Path("/evil").exists()
    check_same(tmp_path, "translate-en_de-1_5")


def test_flipped_bytes_are_read_or_refused(tmp_path: Path) -> None:
    import random

    from octavo.errors import OctavoError

    data = zipped(write_folder(tmp_path)).read_bytes()
    broken = tmp_path / "broken.argosmodel"
    refused = 0
    for seed in range(60):
        rng = random.Random(seed)
        damaged = bytearray(data)
        for _ in range(rng.choice((1, 2, 8))):
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        broken.write_bytes(damaged)
        try:
            convert(broken, tmp_path / "again", overwrite=True)
        except OctavoError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 30


def test_other_zips_are_none(tmp_path: Path) -> None:
    for name in ("metadata.json", "a/b/metadata.json"):
        package = tmp_path / "x.zip"
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr(name, "{}")
        assert family_of(package) is None
