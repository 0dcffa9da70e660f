"""LibreTranslate's API: every method of its official client, and what that leaves out."""

from __future__ import annotations

import json
import re
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
pytest.importorskip("httpx", reason="requests are made with it")
pytest.importorskip("libretranslatepy", reason="the official client: pip install libretranslatepy")
import httpx
from libretranslatepy import LibreTranslateAPI

from octavo import Translator
from octavo.server.model_pool import ModelPool
from octavo.server.operations.authentication import Authentication
from octavo.server.operations.keys import KeyFile, new_key
from octavo.server.settings import ServerSettings

from .running import served

TEXT = "A man rides a bicycle. Two dogs play in the snow."


@pytest.fixture
def client(address: str) -> LibreTranslateAPI:
    return LibreTranslateAPI(address)


@pytest.fixture
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


def test_the_client(client: LibreTranslateAPI, library: Translator) -> None:
    assert client.translate(TEXT, "en", "de") == library(TEXT).text
    assert client.translate(TEXT, "auto", "de", timeout=60) == library(TEXT).text
    best = client.detect(TEXT)[0]
    assert best["language"] == "en"
    assert 50 < best["confidence"] <= 100
    assert client.languages() == [
        {"code": "de", "name": "German", "targets": []},
        {"code": "en", "name": "English", "targets": ["de"]},
    ]


def test_errors_reach_the_client(client: LibreTranslateAPI) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        client.translate(TEXT, "en", "fr")
    with caught.value as error:
        assert error.code == 400
        assert "target language is not supported" in json.loads(error.read())["error"]


@pytest.mark.parametrize("how", ["json", "data", "files"])
def test_a_text(http: httpx.Client, library: Translator, how: str) -> None:
    fields: dict[str, Any] = {"q": TEXT, "source": "en", "target": "de", "format": "text"}
    sent = {name: (None, value) for name, value in fields.items()} if how == "files" else fields
    answer = http.post("/translate", **{how: sent})
    assert (answer.status_code, answer.json()) == (200, {"translatedText": library(TEXT).text})


def test_several_texts(http: httpx.Client, library: Translator) -> None:
    texts = [TEXT, "Zwei Hunde spielen im Schnee, und ein Kind sieht zu.", ""]
    answer = http.post("/translate", json={"q": texts, "source": "auto", "target": "de", "alternatives": 2})
    found = answer.json()
    assert found["translatedText"] == [library(TEXT).text, texts[1], ""]
    assert [one["language"] for one in found["detectedLanguage"][:2]] == ["en", "de"]
    assert all(50 < one["confidence"] <= 100 for one in found["detectedLanguage"][:2])
    assert [len(one) for one in found["alternatives"]] == [2, 0, 0]
    plain = http.post("/translate", json={"q": texts[:1], "source": "en", "target": "de"}).json()
    assert plain == {"translatedText": [library(TEXT).text]}


def test_alternatives(http: httpx.Client, library: Translator) -> None:
    fields = {"q": TEXT, "source": "en", "target": "de"}
    for count in (1, 3, 6):
        found = http.post("/translate", json=fields | {"alternatives": count}).json()
        expected = library(TEXT, nbest=count + 1, beam=max(4, count + 1))
        assert found["translatedText"] == expected.text
        assert found["alternatives"] == [one.text for one in expected.alternatives[1:]]
    assert http.post("/translate", data=fields | {"alternatives": "1"}).json()["alternatives"]


def test_html(http: httpx.Client, library: Translator) -> None:
    text = '<p>A man <b>rides</b> a bicycle.</p><img alt="Two dogs">'
    answer = http.post(
        "/translate", json={"q": text, "source": "en", "target": "de", "format": "html", "alternatives": 2}
    )
    assert answer.json() == {"translatedText": str(library.html(text)), "alternatives": []}


@pytest.mark.parametrize("name", ["notes.txt", "page.html", "a.b/..\\c d ü.txt", "100%2f#?.txt"])
def test_a_file(http: httpx.Client, library: Translator, tmp_path: Path, name: str) -> None:
    ending = name[name.rindex(".") :]
    copy = tmp_path / f"copy{ending}"
    copy.write_text(TEXT, encoding="utf-8")
    fields = {"source": "auto", "target": "de", "api_key": ""}
    answer = http.post("/translate_file", files={"file": (name, TEXT.encode())}, data=fields)
    assert answer.status_code == 200
    address = answer.json()["translatedFileUrl"]
    assert address.startswith(f"{http.base_url}/download_file/".replace("//download", "/download"))
    assert re.fullmatch(r"[!-~]+", address)  # any client can send it as it is
    for _ in range(2):
        translated = http.get(address)
        assert translated.content == library.document(copy, None).content
        assert "attachment" in translated.headers["content-disposition"]


def test_what_pages_ask(http: httpx.Client) -> None:
    settings = http.get("/frontend/settings").json()
    assert settings["language"]["target"] == {"code": "de", "name": "German"}
    assert {".txt", ".docx", ".odt", ".epub", ".html"} <= set(settings["supportedFilesFormat"])
    assert [settings[name] for name in ("keyRequired", "suggestions", "filesTranslation")] == [
        False,
        False,
        True,
    ]
    assert http.get("/health").json() == {"status": "ok"}
    specification = http.get("/spec").json()
    assert specification["openapi"].startswith("3.1")
    answer = http.post("/suggest", data={"q": "a", "s": "b", "source": "en", "target": "de"})
    assert (answer.status_code, answer.json()) == (403, {"error": "this service takes no suggestions"})


@pytest.mark.parametrize("path", ["/translate", "/translate_file", "/detect"])
@pytest.mark.parametrize(
    "change",
    [
        {"q": None},
        {"q": "", "file": ("a.txt", b"")},
        {"source": ""},
        {"source": "fr"},
        {"target": None},
        {"target": "x" * 1000},
        {"format": "pdf"},
        {"alternatives": "-1"},
        {"alternatives": "64"},
        {"alternatives": "many"},
        {"file": ("a.exe", b"x")},
        {"file": ("a.docx", b"x")},
        {"file": ("", b"x")},
    ],
)
def test_bad_requests(http: httpx.Client, path: str, change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"q": "A dog.", "source": "en", "target": "de", "file": ("a.txt", b"A dog.")}
    fields = {name: value for name, value in (fields | change).items() if value is not None}
    file = fields.pop("file")
    answer = http.post(path, data=fields, files={"file": file} if path == "/translate_file" else None)
    applies = {
        "/translate": {"q", "source", "target", "format", "alternatives"},
        "/detect": {"q"},
        "/translate_file": {"source", "target", "file"},
    }[path]
    if applies & set(change):
        assert answer.status_code == 400
        assert set(answer.json()) == {"error"}
    else:
        assert answer.status_code == 200


def test_an_unknown_file(http: httpx.Client) -> None:
    for name in ("x.txt", "..%2f..%2fetc%2fpasswd", "%00", "x" * 5000):
        assert http.get(f"/download_file/{name}").status_code == 404


def test_keys(pool: ModelPool, tmp_path: Path, library: Translator) -> None:
    path = tmp_path / "keys"
    key = new_key(path, "alice")
    settings = ServerSettings(keys_file=path)
    with served(pool, settings, around=lambda app: Authentication(app, KeyFile(path))) as address:
        assert LibreTranslateAPI(address, key).translate(TEXT, "en", "de") == library(TEXT).text
        assert LibreTranslateAPI(address, key).detect(TEXT)[0]["language"] == "en"
        for wrong, status in ((None, 401), ("octavo-wrong", 403)):
            client = LibreTranslateAPI(address, wrong)
            assert len(client.languages()) == 2
            for ask in (lambda api: api.translate(TEXT, "en", "de"), lambda api: api.detect(TEXT)):
                with pytest.raises(urllib.error.HTTPError) as caught:
                    ask(client)
                with caught.value as error:
                    assert error.code == status
                    assert json.loads(error.read())["error"]
        with httpx.Client(base_url=address) as http:
            file = {"file": ("a.txt", b"A dog.")}
            fields = {"source": "en", "target": "de"}
            assert http.post("/translate_file", files=file, data=fields).status_code == 401
            answer = http.post("/translate_file", files=file, data=fields | {"api_key": key})
            assert http.get(answer.json()["translatedFileUrl"]).status_code == 200
            settings_told = http.get("/frontend/settings").json()
            assert settings_told["keyRequired"]
