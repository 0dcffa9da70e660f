"""What a page needs of an answer: which sentence became which; and terms as rows of a glossary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
from starlette.testclient import TestClient

from octavo.server.app import create_app
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from .page.fake_models import FakeModels

TEXT = "A bicycle. 🚲 Two dogs!\n\nOctavo."


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    settings = ServerSettings()
    with TestClient(create_app(Service(FakeModels(), settings), settings)) as client:  # type: ignore[arg-type]
        yield client


def translated(client: TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/v1/translate", json={"items": [{"text": TEXT}], **fields})
    assert answer.status_code == 200, answer.text
    (result,) = answer.json()["results"]
    return dict(result)


def test_segments_say_which_sentence_became_which(client: TestClient) -> None:
    result = translated(client, source="en", target="de", segments=True)
    parts = [
        (TEXT[each["source_start"] : each["source_end"]], result["text"][each["start"] : each["end"]])
        for each in result["segments"]
    ]
    assert parts == [("A bicycle.", "A BICYCLE."), ("🚲 Two dogs!", "🚲 TWO DOGS!"), ("Octavo.", "OCTAVO.")]
    assert {each["origin"] for each in result["segments"]} == {"model"}


def test_segments_are_not_stated_where_nobody_wants_them_or_knows_them(client: TestClient) -> None:
    assert "segments" not in translated(client, source="en", target="de")
    assert translated(client, source="de", target="ar", segments=True)["segments"] == []


@pytest.mark.parametrize(
    ("glossary", "text"),
    [
        ([["bicycle", "Rad"], ["dog", "Hunde"]], "A Rad. 🚲 TWO Hunde!\n\nOCTAVO."),
        ([["Octavo"], ["Bicycle", "Rad", "exact"]], "A BICYCLE. 🚲 TWO DOGS!\n\nOctavo."),
        ([["octavo", "", "exact"]], TEXT.upper()),
    ],
)
def test_a_glossary_has_rows(client: TestClient, glossary: list[list[str]], text: str) -> None:
    assert translated(client, source="en", target="de", glossary=glossary)["text"] == text


@pytest.mark.parametrize(
    ("row", "field"),
    [(["a", "b", "c"], "$.glossary[0][2]"), ([], "$.glossary[0]"), (["a", "b", "", ""], "$.glossary[0]")],
)
def test_a_row_that_is_none_is_named(client: TestClient, row: list[str], field: str) -> None:
    request = {"items": [{"text": "x"}], "source": "en", "target": "de", "glossary": [row]}
    answer = client.post("/v1/translate", json=request)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
