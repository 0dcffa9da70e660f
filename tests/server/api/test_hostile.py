"""Broken and hostile requests to the APIs of other services: each is refused, none is a fault of ours."""

from __future__ import annotations

import errno
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
pytest.importorskip("httpx", reason="requests are made with it")
import httpx
from starlette import formparsers

from octavo.server import document_store
from octavo.server.document_store import safe_name
from octavo.server.model_pool import ModelPool
from octavo.server.settings import ServerSettings

from .running import served

POSTED = (
    "/v2/translate",
    "/v2/document",
    "/v2/glossaries",
    "/v3/glossaries",
    "/translate",
    "/translate_file",
)
FIELD = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\nA dog.\r\n'
LANGUAGES = b"".join(
    FIELD % field for field in ((b"target_lang", b"DE"), (b"source", b"en"), (b"target", b"de"))
)
END = b"--x--\r\n"


@pytest.fixture(scope="module")
def http(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff" * 100,
        FIELD % (b"target_lang", b"DE"),
        FILE % b"a.txt",
        FILE % b"a.txt" + FILE % b"b.txt" + LANGUAGES + END,
        b"--x\r\nContent-Disposition: form-data\r\n\r\nA\r\n" + END,
        b'--x\r\nContent-Disposition: form-data; name="target_lang"',
        b"--x\r\nX: " + b"a" * 100_000 + b"\r\n\r\nA\r\n" + END,
        FIELD % (b"a", b"b") * 3000 + END,
        FIELD % (b"q", b"a" * (2 << 20)) + END,
        FILE % b"../../a.txt\x00\r" + LANGUAGES + END,
        FIELD % (b"target_lang", b"\xe4\xff") + END,
    ],
    ids=range(12),
)
def test_broken_forms(http: httpx.Client, path: str, body: bytes) -> None:
    answer = http.post(path, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 400
    assert {"message", "error"} & set(answer.json())


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode", "base64", "utf-7", "no-such"])
def test_encodings_of_forms(http: httpx.Client, charset: str) -> None:
    kind = f"multipart/form-data; boundary=x; charset={charset}"
    body = FIELD % (b"q", b"a\x80..") + FIELD % (b"source", b"xx") + END
    assert http.post("/translate", content=body, headers={"Content-Type": kind}).status_code == 400


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[" * 100_000),
        ("application/json", b"null"),
        ("application/json", b'{"text": "\xff", "q": "\xff"}'),
        ("application/json", b'{"text": ["\\ud800"], "q": "\\ud800"}'),
        ("application/json", b'{"text": {}, "q": {}, "name": [], "file": "a"}'),
        ("application/json; charset=utf-16", "{}".encode("utf-16")),
        ("application/x-www-form-urlencoded", b"q=%ff&text=%ff"),
        ("application/x-www-form-urlencoded", b"a=b&" * 3000),
        ("text/plain", b"A dog."),
        ("multipart/form-data", b"no boundary"),
    ],
)
def test_broken_bodies(http: httpx.Client, path: str, kind: str, body: bytes) -> None:
    answer = http.post(path, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert {"message", "error"} & set(answer.json())


def test_a_name_that_is_a_path(http: httpx.Client) -> None:
    for name in (b"../../../etc/x.txt", b"C:\\x.txt", b"a" * 3000 + b".txt", "\u202eä.txt".encode()):
        form = FILE % name + LANGUAGES + END
        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        answer = http.post("/translate_file", content=form, headers=kind)
        address = answer.json()["translatedFileUrl"]
        assert ".." not in address
        assert http.get(address).status_code == 200


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b\\c.txt", "c.txt"),
        ("..", ".."),
        ("a\r\nSet-Cookie: b.txt", "aSet-Cookie: b.txt"),
        ("x" * 300 + ".docx", "x" * 195 + ".docx"),
        ("\ud800.txt", ".txt"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_zip_bomb(http: httpx.Client) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b" " * (64 << 20))
    file = {"file": ("a.docx", packed.getvalue())}
    answer = http.post("/translate_file", files=file, data={"source": "en", "target": "de"})
    assert answer.status_code == 400
    assert "packed" in answer.json()["error"]


@pytest.mark.parametrize("where", ["spooling", "storing"])
def test_a_full_disk(http: httpx.Client, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "spooling":
        monkeypatch.setattr(formparsers.UploadFile, "write", full)
    else:
        monkeypatch.setattr(document_store, "_copy", full)
    for path in ("/v2/document", "/translate_file"):
        fields = {"source": "en", "target": "de", "target_lang": "DE"}
        answer = http.post(path, files={"file": ("a.txt", b"A dog.")}, data=fields)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert "no room" in answer.text


def test_limits_of_documents(pool: ModelPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document_store, "MAX_STORED_BYTES", 10)
    with served(pool) as address, httpx.Client(base_url=address) as http:
        file = {"file": ("a.txt", b"A dog. A cat.")}
        assert http.post("/v2/document", files=file, data={"target_lang": "DE"}).status_code == 503
    with (
        served(pool, ServerSettings(max_waiting_documents=0)) as address,
        httpx.Client(base_url=address) as http,
    ):
        assert http.post("/v2/document", files=file, data={"target_lang": "DE"}).status_code == 503


def test_nothing_is_left(pool: ModelPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with served(pool) as address, httpx.Client(base_url=address) as http:
        answer = http.post(
            "/translate_file", files={"file": ("a.txt", b"A dog.")}, data={"source": "en", "target": "de"}
        )
        assert answer.status_code == 200
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o77 == 0
        assert len(list(folder.iterdir())) == 1
        monkeypatch.setattr(document_store, "EXPIRY", 0.01)
        answer = http.post(
            "/translate_file", files={"file": ("b.txt", b"A dog.")}, data={"source": "en", "target": "de"}
        )
        for _ in range(1000):
            if http.get(answer.json()["translatedFileUrl"]).status_code == 404:
                break
        assert len(list(folder.iterdir())) == 1
    assert not list(tmp_path.iterdir())
