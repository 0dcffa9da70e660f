"""What a model may be called, and which one is meant."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

import octavo
from octavo.artifact import boxed
from octavo.artifact.boxed import boxed_model
from octavo.catalog import installed, models_folder, resolve
from octavo.errors import ModelError

from ..models import language_config, write_tiny_model
from .conftest import Install


def test_where_installed_models_live(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    assert models_folder() == folder
    monkeypatch.delenv("OCTAVO_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert models_folder() == tmp_path / "data" / "octavo" / "models"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for unusable in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", unusable)
        assert models_folder() == tmp_path / "home" / ".local" / "share" / "octavo" / "models"


def test_a_user_without_a_home_has_the_model_in_the_box(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Services and containers may run as such a user."""
    for variable in ("OCTAVO_MODELS", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(variable, raising=False)

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert models_folder() == Path("/.local/share/octavo/models")
    assert resolve("en-de") == boxed_model()


def test_the_model_in_the_box_is_installed(folder: Path) -> None:
    assert [(model.name, model.boxed) for model in installed()] == [("en-de", True)]
    assert resolve(None) == resolve("en-de") == boxed_model()
    assert not folder.exists()


def test_a_name_comes_before_a_pair(install: Install) -> None:
    other = install("other")
    assert resolve("other") == other
    assert resolve("en-de") == boxed_model()
    own = install("en-de")
    assert resolve("en-de") == own
    assert resolve(None) == boxed_model()
    assert [(model.name, model.boxed) for model in installed()] == [("en-de", False), ("other", False)]


def test_a_pair_finds_a_model(install: Install) -> None:
    brazilian, portuguese = install("brazilian", "en", "pt-BR"), install("portuguese", "en", "pt-PT")
    french = install("french", "en", "fr")
    write_tiny_model(french.parent / "zz", config=language_config())
    assert resolve("en-pt-BR") == brazilian
    assert resolve("en-pt_PT") == portuguese
    assert resolve("en-fr") == resolve("en-GB-fr-CA") == french
    with pytest.raises(ModelError, match=r"several .* have this pair; say which: brazilian, portuguese"):
        resolve("en-pt")
    with pytest.raises(ModelError, match="no model of that name or pair"):
        resolve("en-en")


def test_a_directory_here_comes_first_where_it_holds_a_model(int8_here: Path) -> None:
    assert resolve("en-de") == Path("en-de")
    (int8_here / "config.json").unlink()
    assert resolve("en-de") == boxed_model()


@pytest.fixture
def int8_here() -> Path:
    return write_tiny_model(Path("en-de"))


@pytest.mark.parametrize("path", ["./en-de", "models/en-de", "/nowhere/en-de"])
def test_what_is_written_as_a_path_is_one(path: str) -> None:
    assert resolve(path).absolute() == Path(path).absolute()
    with pytest.raises(ModelError, match="no such model directory"):
        octavo.load(resolve(path))


def test_an_unknown_name_tells_what_there_is(install: Install) -> None:
    install("mine")
    Path("folder").mkdir()
    with pytest.raises(ModelError, match=r"installed: mine, en-de \(in the box\); `octavo models add PATH`"):
        resolve("fr-de")
    assert resolve("folder") == Path("folder")


def test_a_damaged_model_is_listed_and_named(install: Install) -> None:
    (install("mine") / "config.json").write_text("{}", encoding="utf-8")
    mine = installed()[0]
    assert mine.name == "mine"
    assert isinstance(mine.found, ModelError)
    with pytest.raises(ModelError, match="no Octavo model directory"):
        octavo.load("mine")


def test_without_a_model_in_the_box(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boxed, "__file__", str(tmp_path / "artifact" / "boxed.py"))
    assert installed() == []
    with pytest.raises(ModelError, match="installed: none"):
        resolve("en-de")


def test_load_takes_names(install: Install) -> None:
    path = install("mine", "en", "fr")
    for name in ("mine", "en-fr"):
        with octavo.load(name, threads=1) as translator:
            assert translator.model.path == path
    lm = write_tiny_model(path.parent / "lm", config=language_config())
    with octavo.load_language_model("lm", threads=1) as model:
        assert model.model.path == lm


def test_a_folder_that_cannot_be_read(folder: Path) -> None:
    folder.write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot read the installed models"):
        resolve("mine")
