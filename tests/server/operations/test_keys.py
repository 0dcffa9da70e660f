"""API keys: their file, and who may use the service."""

from __future__ import annotations

import asyncio
import hashlib
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from octavo.errors import ArgumentError, InputError
from octavo.server.operations.authentication import Authentication, body_key_refusal
from octavo.server.operations.keys import KeyFile, new_key
from octavo.server.operations.refusals import Refusal

from .asgi import Echo, Reply, ask

ACCEPTED = {"type": "http.response.start", "status": 200, "headers": []}
EMPTY = {"type": "http.response.body", "body": b""}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


def test_a_new_key_is_known_by_its_name(path: Path) -> None:
    key = new_key(path, "alice")
    assert KeyFile(path).name_of(key) == "alice"
    assert KeyFile(path).name_of(key[:-1]) is None
    assert KeyFile(path).name_of("") is None


def test_the_file_has_a_hash_and_not_the_key_and_is_its_owners(path: Path) -> None:
    key = new_key(path, "alice")
    text = path.read_text()
    assert key not in text
    assert f"alice sha256:{hashlib.sha256(key.encode()).hexdigest()}\n" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_are_long_random_and_do_not_repeat(path: Path) -> None:
    keys = {new_key(path, "alice") for _ in range(20)}
    assert len(keys) == 20
    assert all(re.fullmatch(r"octavo-[\w-]{43}", key) for key in keys)
    assert len(KeyFile(path)) == 20


def test_what_people_wrote_into_the_file_stays(path: Path) -> None:
    path.write_text("# ours\n\n  bob\tsha256:" + "0" * 64)
    new_key(path, "alice")
    assert path.read_text().startswith("# ours\n\n  bob\tsha256:" + "0" * 64 + "\nalice sha256:")


@pytest.mark.parametrize("line", ["alice", "alice secret", "alice sha256:00", "a b sha256:" + "0" * 64])
def test_a_wrong_line_is_told(path: Path, line: str) -> None:
    path.write_text(f"# first\n{line}\n")
    with pytest.raises(InputError, match=r"keys\.txt: line 2 is not NAME sha256:HASH; octavo serve"):
        KeyFile(path)
    with pytest.raises(InputError):
        new_key(path, "alice")


@pytest.mark.parametrize("name", ["", "a b", "-a", "a\n", "x" * 65, "ä"])
def test_a_wrong_name_is_told(path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match="new_key = "):
        new_key(path, name)
    assert not path.exists()


def test_reading_again_takes_keys_away_and_a_wrong_file_changes_nothing(path: Path) -> None:
    key = new_key(path, "alice")
    keys = KeyFile(path)
    path.write_text("nonsense\n")
    with pytest.raises(InputError):
        keys.reload()
    assert keys.name_of(key) == "alice"
    path.write_text("")
    keys.reload()
    assert keys.name_of(key) is None


def asked(path: Path, url: str = "/v1/translate", method: str = "POST", **headers: str) -> Reply:
    app = Authentication(Echo(), KeyFile(path))
    return asyncio.run(ask(app, url, method=method, headers=headers))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "DeepL-Auth-Key"])
def test_a_key_in_a_header_lets_in(path: Path, scheme: str) -> None:
    key = new_key(path, "alice")
    assert asked(path, authorization=f"{scheme} {key}").status == 200
    assert asked(path, authorization=f"{scheme} {key}x").status == 403


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer  ", "Basic YTpi", "\xff\xfe"])
def test_without_a_key_nobody_comes_in(path: Path, value: str) -> None:
    new_key(path, "alice")
    reply = asked(path, authorization=value)
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == 401


def test_health_and_the_page_need_no_key(path: Path) -> None:
    new_key(path, "alice")
    for url in ("/livez", "/readyz", "/", "/page/script.js"):
        assert asked(path, url, "GET").status == 200
    for url in ("/metrics", "/v1/models", "/v2/usage", "/livez/", "//livez", "/page", "/v1/translate/page/"):
        assert asked(path, url, "GET").status == 401
    assert asked(path, method="OPTIONS").status == 200


def test_a_key_may_come_in_the_body_where_it_may(path: Path) -> None:
    key = new_key(path, "alice")

    async def of_libretranslate(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"].decode()
        refusal = body_key_refusal(scope, body or None)
        await (refusal or Refusal("none", 200, ACCEPTED, EMPTY, closes=False)).send(send)

    app = Authentication(of_libretranslate, KeyFile(path))
    for offered, status in ((key, 200), ("", 401), ("wrong", 403)):
        assert asyncio.run(ask(app, "/translate", chunks=[offered.encode()])).status == status
        assert asyncio.run(ask(of_libretranslate, "/translate", chunks=[offered.encode()])).status == 200
    assert asyncio.run(ask(app, "/translate", headers={"authorization": f"Bearer {key}"})).status == 200
    assert asyncio.run(ask(app, "/v1/translate", chunks=[key.encode()])).status == 401
