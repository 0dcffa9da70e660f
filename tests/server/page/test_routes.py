"""The page's files as clients get them, without a browser."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
from starlette.applications import Starlette
from starlette.testclient import TestClient

from octavo.server import page
from octavo.server.settings import ServerSettings

FILES = Path(page.__file__).parent / "static"
NAMES = sorted(file.name for file in FILES.iterdir() if file.name != "index.html")
MAX_FILE_LINES = 400


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=page.routes(ServerSettings()))) as client:
        yield client


@pytest.mark.parametrize("address", ["/", *(f"/page/{name}" for name in [*NAMES, "limits.json"])])
def test_files_have_a_policy_and_are_asked_for_once(client: TestClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    own = dict.fromkeys(("script-src", "style-src", "connect-src", "img-src"), "'self'")
    none = dict.fromkeys(("default-src", "form-action", "base-uri", "frame-ancestors"), "'none'")
    assert policy == own | none
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-cache"
    tag = answer.headers["ETag"]
    for known in (tag, f'"other", W/{tag}', "*"):
        again = client.get(address, headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert client.get(address, headers={"If-None-Match": '"other"'}).content == answer.content
    assert client.head(address).headers["Content-Length"] == str(len(answer.content))
    assert client.post(address).status_code == 405


def test_types_are_those_that_browsers_run(client: TestClient) -> None:
    kinds = {name: client.get(f"/page/{name}").headers["Content-Type"] for name in NAMES}
    for name, kind in kinds.items():
        expected = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.split(".")[-1]]
        assert kind.startswith(expected)
    assert client.get("/").headers["Content-Type"] == "text/html; charset=utf-8"


def test_limits_are_those_of_the_service(client: TestClient) -> None:
    limits = client.get("/page/limits.json").json()
    settings = ServerSettings()
    assert limits["characters"] == settings.max_text_characters
    assert limits["document_bytes"] == settings.max_document_bytes
    assert ".docx" in limits["formats"]["docx"]


def test_nothing_else_is_served(client: TestClient) -> None:
    for address in ("/page/", "/page/index.html", "/page/../routes.py", "/page/%2e%2e/routes.py"):
        assert client.get(address).status_code == 404


class _Attributes(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.inline: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.found += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style") and data.strip():
            self.inline.append(data)


def test_the_page_has_no_code_of_its_own_and_no_address_elsewhere() -> None:
    parser = _Attributes()
    parser.feed((FILES / "index.html").read_text(encoding="utf-8"))
    assert parser.inline == []
    names = {name for _, name, _ in parser.found}
    assert {name for name in names if name == "style" or name.startswith("on")} == set()
    addresses = {value for _, name, value in parser.found if name in ("src", "href", "action")} - {"docs"}
    assert {value for value in addresses if not re.fullmatch(r"page/[\w-]+\.\w+", value)} == set()
    assert {value.removeprefix("page/") for value in addresses} <= set(NAMES)
    ids = [value for _, name, value in parser.found if name == "id"]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", NAMES)
def test_files_are_short_and_say_what_they_are(name: str) -> None:
    text = (FILES / name).read_text(encoding="utf-8")
    assert text.count("\n") < MAX_FILE_LINES
    assert name == "icon.svg" or "://" not in text
    if name.endswith(".js"):
        assert text.startswith("// ")
        for imported in re.findall(r'from "([^"]+)"', text):
            assert imported.removeprefix("./") in NAMES


def test_every_element_that_a_module_asks_for_is_there() -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', (FILES / "index.html").read_text(encoding="utf-8")))
    for name in NAMES:
        text = (FILES / name).read_text(encoding="utf-8")
        asked = set(re.findall(r'(?:byId|getElementById)\("([^"]+)"\)', text))
        assert asked <= ids, name
