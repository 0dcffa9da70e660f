"""A model of several languages in a service: its languages in every API, and its pairs as any others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("httpx", reason="the tests of the service need octavo[test]")
import numpy as np
from starlette.testclient import TestClient

import octavo
from octavo.artifact import ModelDirectory, Shortlist, write_with_shortlist
from octavo.catalog import resolve
from octavo.errors import ModelError
from octavo.server.api.compatible import compatible_routes
from octavo.server.app import create_app
from octavo.server.glossary_store import GlossaryStore
from octavo.server.model_pool import ModelPool
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from ..models import nllb_languages, opus_languages, tiny_config, write_tiny_model

TEXT = "Bako tire mun."
TAGS = ["de", "en", "fr", "zh-Hans", "zh-Hant"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    labels = {"source_language": "mul", "target_language": "mul"}
    write_tiny_model(folder / "nllb", languages=nllb_languages(), **labels)
    write_tiny_model(folder / "opus", languages=opus_languages(), source_language="cs", target_language="mul")
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[TestClient]:
    """A client of a service with the models in ``folder``."""
    pool = ModelPool([folder], threads=1)
    settings, glossaries = ServerSettings(), GlossaryStore(None)
    service = Service(pool, settings, glossaries)
    with (
        compatible_routes(service, settings) as routes,
        TestClient(create_app(service, settings, routes=routes)) as client,
    ):
        yield client
    glossaries.close()
    pool.close()


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with serving(folder) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "source", "target"),
    [("nllb", "en", "de"), ("nllb", "en-GB", "zh-Hant"), ("nllb", "fr", "en"), ("opus", "cs", "fr")],
)
def test_texts_get_the_codes_of_their_languages(
    client: TestClient, folder: Path, model: str, source: str, target: str
) -> None:
    with octavo.load(folder / model, threads=1, source=source, to=target) as translator:
        expected = translator(TEXT).text
        markup = str(translator.html(f"<p>{TEXT}</p>"))
    asked = {"items": [{"text": TEXT}, {"html": f"<p>{TEXT}</p>"}], "source": source, "target": target}
    results = client.post("/v1/translate", json=asked).json()["results"]
    assert (results[0]["text"], results[1]["html"]) == (expected, markup)
    free = {"q": TEXT, "source": source, "target": target}
    assert client.post("/translate", json=free).json() == {"translatedText": expected}


def test_languages_are_listed_by_their_tags(client: TestClient) -> None:
    known = {each["tag"]: each["targets"] for each in client.get("/v1/languages").json()["languages"]}
    assert sorted(known) == ["cs", *TAGS]
    assert known["en"] == ["de", "fr", "zh-Hans", "zh-Hant"]
    assert known["cs"] == ["de", "en", "fr", "zh-Hans", "zh-Hant"]  # the others by a pivot
    free = {each["code"]: each["targets"] for each in client.get("/languages").json()}
    assert free == known
    deepl = [each["language"] for each in client.get("/v2/languages", params={"type": "source"}).json()]
    assert deepl == ["CS", "DE", "EN", "FR", "ZH"]
    targets = [each["language"] for each in client.get("/v2/languages", params={"type": "target"}).json()]
    assert {"DE", "EN-GB", "EN-US", "ZH-HANS", "ZH-HANT"} <= set(targets)


def test_a_model_is_one_entry(client: TestClient) -> None:
    nllb, opus, *pivots = client.get("/v1/models").json()["models"]
    assert (nllb["source"], nllb["target"], nllb["name"], nllb["via"]) == ("mul", "mul", "nllb", None)
    assert sorted(nllb["sources"]) == sorted(nllb["targets"]) == TAGS
    assert (opus["source"], opus["target"], opus["targets"]) == ("cs", "mul", ["de", "fr"])
    assert {(pivot["source"], pivot["name"], pivot["via"]) for pivot in pivots} == {
        ("cs", "opus + nllb", "de")
    }


def test_what_is_not_served_is_refused(client: TestClient) -> None:
    asked = {"items": [{"text": TEXT}], "source": "en", "target": "xx"}
    assert "there are the pairs en-de, en-fr" in client.post("/v1/translate", json=asked).json()["detail"]
    refused = client.post("/v1/translate", json={**asked, "target": "en"})
    assert refused.status_code == 400


@pytest.mark.parametrize("code", ["German", "__de__", ">>de<<", "<2de>", "de_DE", "deu_Latn", "ger"])
def test_what_other_programs_call_a_language_is_understood(client: TestClient, code: str) -> None:
    expected = {}
    for target in ("de", code):
        item = {"items": [{"text": TEXT}], "source": "en", "target": target}
        found = client.post("/v1/translate", json=item).json()["results"][0]
        free = client.post("/translate", json={"q": TEXT, "source": "en", "target": target}).json()
        deepl = client.post(
            "/v2/translate", json={"text": [TEXT], "source_lang": "EN", "target_lang": target}
        )
        texts = found["text"], free["translatedText"], deepl.json()["translations"][0]["text"]
        expected.setdefault("texts", texts)
        assert expected["texts"] == texts


@pytest.mark.parametrize("count", [1, 6])
def test_a_text_that_states_a_wrong_language_fails_no_other(client: TestClient, count: int) -> None:
    items = [{"text": TEXT}, {"text": f">>xyz<< {TEXT}"}, {"html": f"<p>{TEXT}</p>"}] * count
    asked = {"items": items, "source": "cs", "target": "de"}
    results = client.post("/v1/translate", json=asked).json()["results"]
    for index, result in enumerate(results):
        if index % 3 == 1:
            assert (result["error"]["status"], result["error"]["code"]) == (400, "invalid-request")
            assert result["error"]["detail"].startswith("language '>>xyz<<': the model does not have it")
        else:
            assert "error" not in result


@pytest.fixture(scope="module")
def all_of_nllb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("pool")
    published = Path(__file__).parents[1].joinpath("language_codes.txt").read_text("ascii")
    codes = published.partition("NLLB-200")[2].partition("\n\n")[0].split()
    languages = nllb_languages(codes={code: 4 + number for number, code in enumerate(codes)})
    config = tiny_config(source_vocab_size=320, target_vocab_size=320)
    labels = {"source_language": "mul", "target_language": "mul"}
    write_tiny_model(folder / "nllb", config=config, languages=languages, **labels)
    with serving(folder) as client:
        yield client


def test_of_two_hundred_languages_a_refusal_lists_no_pairs(all_of_nllb: TestClient) -> None:
    asked = {"items": [{"text": TEXT}], "source": "en", "target": "xx"}
    detail = all_of_nllb.post("/v1/translate", json=asked).json()["detail"]
    assert detail.startswith("no model translates from en to xx; there are the target languages ace")
    assert ", de, " in detail and "en-de" not in detail and len(detail) < 2000
    detail = all_of_nllb.post("/v1/translate", json={**asked, "source": "xx", "target": "Germn"}).json()
    assert "(did you mean de?)" in detail["detail"]


@pytest.mark.parametrize("address", ["/languages", "/v1/languages", "/v2/glossary-language-pairs"])
def test_long_lists_of_languages_are_compressed(all_of_nllb: TestClient, address: str) -> None:
    plain = all_of_nllb.get(address, headers={"Accept-Encoding": "identity"})
    small = all_of_nllb.get(address, headers={"Accept-Encoding": "gzip"})
    assert small.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert int(small.headers["Content-Length"]) < len(plain.content) / 10
    assert small.json() == plain.json()


@pytest.mark.parametrize(
    "options", [{"max_length": 1}, {"max_length": 2, "target_prefix": "ba ko"}, {"target_prefix": "ba " * 60}]
)
@pytest.mark.parametrize("kind", ["text", "html"])
def test_a_beginning_that_leaves_no_room_is_refused(
    client: TestClient, folder: Path, options: dict[str, int | str], kind: str
) -> None:
    asked = {"items": [{kind: TEXT}], "source": "en", "target": "de", "options": options}
    answer = client.post("/v1/translate", json=asked)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-request")
    with (
        octavo.load(folder / "nllb", threads=1, source="en", to="de") as translator,
        pytest.raises(octavo.OctavoError, match="leaves no room") as refused,
    ):
        translator(TEXT, **options)  # type: ignore[arg-type]
    assert answer.json()["detail"] == str(refused.value)


def test_with_a_shortlist_there_is_one_pair(folder: Path, tmp_path: Path) -> None:
    model = ModelDirectory.open(folder / "nllb")
    shortlist = Shortlist(np.array([3, 40, 41], np.int32), np.zeros(97, np.int32), np.empty(0, np.int32))
    languages = nllb_languages(default_source="eng_Latn", default_target="deu_Latn")
    write_with_shortlist(tmp_path / "fast", model, shortlist, quality={}, languages=languages)
    for used, targets in ((True, ("de",)), (False, ("en", "de", "fr", "zh-Hans", "zh-Hant"))):
        pool = ModelPool([tmp_path / "fast"], threads=1, shortlist=used)
        assert pool.languages.targets == targets
        pool.close()


def test_installed_it_is_known_by_its_name_alone(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCTAVO_MODELS", str(folder))
    monkeypatch.chdir(tmp_path)
    assert resolve("nllb") == folder / "nllb"
    with pytest.raises(ModelError, match="no model of that name or pair is installed"):
        resolve("fr-de")


@pytest.fixture(scope="module")
def three_letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("three")
    write_tiny_model(
        folder / "opus", languages=opus_languages(), source_language="eng", target_language="mul"
    )
    write_tiny_model(folder / "small", source_language="ast", target_language="spa")
    with serving(folder) as client:
        yield client


@pytest.mark.parametrize(("source", "target"), [("en", "de"), ("eng", "deu"), ("eng_Latn", "deu_Latn")])
def test_a_model_with_tags_of_three_letters_serves_those_of_two(
    three_letters: TestClient, source: str, target: str
) -> None:
    asked = {"items": [{"text": TEXT}], "source": source, "target": target}
    assert three_letters.post("/v1/translate", json=asked).status_code == 200
    free = {"q": TEXT, "source": source, "target": target}
    assert three_letters.post("/translate", json=free).status_code == 200
    deepl = {"text": [TEXT], "source_lang": source, "target_lang": target}
    assert three_letters.post("/v2/translate", json=deepl).status_code == 200
    assert [each["code"] for each in three_letters.get("/languages").json()] == [
        "ast",
        "de",
        "en",
        "es",
        "fr",
    ]


def test_the_source_is_found_out_only_where_it_can_be(three_letters: TestClient) -> None:
    pytest.importorskip("py3langid", reason="languages are found out with octavo[detect]")
    text = "The quick brown fox jumps over the lazy dog, and nobody knows the reason for it."
    found = three_letters.post("/translate", json={"q": text, "source": "auto", "target": "fr"}).json()
    assert found["detectedLanguage"]["language"] == "en"
    refused = three_letters.post("/translate", json={"q": text, "source": "auto", "target": "es"})
    assert refused.status_code == 400
    assert "state the source" in refused.json()["error"]
