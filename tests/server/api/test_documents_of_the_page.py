"""Documents beyond DeepL's API, as the web page needs them: terms in the request, and giving one up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
from starlette.testclient import TestClient

from octavo.server.api.compatible import compatible_routes
from octavo.server.app import create_app
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from ..page.fake_models import FakeModels

GLOSSARY = "bicycle\tRad|Fahrrad\nOctavo\t\texact\n"


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def client(models: FakeModels) -> Iterator[TestClient]:
    settings = ServerSettings()
    service = Service(models, settings)  # type: ignore[arg-type]
    with (
        compatible_routes(service, settings) as routes,
        TestClient(create_app(service, settings, routes=routes)) as client,
    ):
        yield client


def upload(client: TestClient, text: str, **fields: str) -> tuple[str, dict[str, str]]:
    """The address of a document, and its key."""
    form = {"target_lang": "DE", "source_lang": "EN", **fields}
    answer = client.post("/v2/document", data=form, files={"file": ("a.txt", text.encode())})
    assert answer.status_code == 200, answer.text
    sent = answer.json()
    return f"/v2/document/{sent['document_id']}", {"document_key": sent["document_key"]}


def test_terms_may_come_with_the_document(client: TestClient) -> None:
    address, key = upload(client, "A bicycle and Octavo.", glossary=GLOSSARY)
    while (state := client.post(address, json=key).json()["status"]) != "done":
        assert state in ("queued", "translating")
    assert client.post(f"{address}/result", json=key).text == "A Rad AND Octavo."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"glossary": "a\tb\tc\td"}, "'glossary': line 1: has 4 columns"),
        ({"glossary": GLOSSARY, "glossary_id": "x"}, "cannot be used together"),
    ],
)
def test_terms_that_are_wrong_are_refused(client: TestClient, fields: dict[str, str], message: str) -> None:
    form = {"target_lang": "DE", **fields}
    answer = client.post("/v2/document", data=form, files={"file": ("a.txt", b"x")})
    assert answer.status_code == 400
    assert message in answer.json()["message"]


def test_a_document_is_given_up_by_who_has_its_key(client: TestClient, models: FakeModels) -> None:
    translator = models.translators["de"]
    address, key = upload(client, "Please wait.")
    assert translator.waiting.wait(20)
    assert client.request("DELETE", address, json={"document_key": "another"}).status_code == 404
    assert not translator.given_up.is_set()
    assert client.request("DELETE", address, json=key).status_code == 204
    assert translator.given_up.wait(20)
    assert client.post(address, json=key).status_code == 404
