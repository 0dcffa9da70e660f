"""A service put together: every route is behind what guards it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Route

from octavo.server import page
from octavo.server.api.compatible import compatible_routes
from octavo.server.model_pool import ModelPool
from octavo.server.observation import Observation
from octavo.server.operations import logs
from octavo.server.operations.authentication import KEYS_IN_BODIES, OPEN_FOLDERS, OPEN_PATHS
from octavo.server.operations.keys import new_key
from octavo.server.runner import Runner
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from ..conftest import TinyModel
from .asgi import ask


@contextlib.contextmanager
def put_together(models: Path, **settings: Any) -> Iterator[Runner]:
    chosen = ServerSettings(port=0, **settings)
    with contextlib.closing(ModelPool([models])) as pool:
        service = Service(pool, chosen)
        with compatible_routes(service, chosen) as routes:
            runner = Runner(service, chosen, routes=[*page.routes(chosen), *routes])
            try:
                yield runner
            finally:
                runner.close()
                asyncio.run(service.drain(0))


@pytest.fixture
def models(tiny_model: TinyModel, tmp_path: Path) -> Path:
    tiny_model(tmp_path / "models" / "en-de")
    return tmp_path / "models"


def routes_of(runner: Runner) -> list[Route]:
    app: Any = runner.app
    while not isinstance(app, Starlette):
        app = app._app
    assert all(isinstance(route, Route) for route in app.routes)
    return [route for route in app.routes if isinstance(route, Route)]


def test_every_route_needs_a_key_but_those_that_are_named(models: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    new_key(keys, "alice")

    async def refused(runner: Runner, path: str, method: str) -> int:
        empty = {"content-type": "application/json"}
        return (await ask(runner.app, path, method=method, headers=empty, chunks=[b"{}"])).status

    with put_together(models, keys_file=keys, public_metrics=False) as runner:
        asked = [
            (route.path.replace("{", "").replace("}", "").replace(":path", ""), method)
            for route in routes_of(runner)
            for method in route.methods or ()
        ]
        guarded = [(p, m) for p, m in asked if p not in OPEN_PATHS and not p.startswith(OPEN_FOLDERS)]
        assert {"/metrics", "/v1/translate", "/v2/translate", "/v2/document", *KEYS_IN_BODIES} <= {
            path for path, _ in guarded
        }
        for path, method in guarded:
            allowed = {400, 401} if path in KEYS_IN_BODIES else {401}
            assert asyncio.run(refused(runner, path, method)) in allowed, (path, method)
        assert asyncio.run(refused(runner, "/livez", "GET")) == 200


def test_pages_from_elsewhere_may_use_it_only_where_that_is_allowed(models: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    new_key(keys, "alice")
    asks = {
        "origin": "https://example.org",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    for origins, allowed in (((), None), (("https://example.org",), "https://example.org"), (("*",), "*")):
        with put_together(models, keys_file=keys, allowed_origins=origins) as runner:
            before = asyncio.run(ask(runner.app, method="OPTIONS", headers=asks))
            refused = asyncio.run(ask(runner.app, headers={"origin": "https://example.org"}))
            other = asyncio.run(ask(runner.app, method="OPTIONS", headers={**asks, "origin": "https://a.b"}))
        for reply in (before, refused):
            assert reply.headers.get("access-control-allow-origin") == allowed
        assert refused.status == 401
        assert other.headers.get("access-control-allow-origin") == ("*" if allowed == "*" else None)


def test_figures_of_models_and_engines(models: Path, tiny_model: TinyModel) -> None:
    tiny_model(models / "de-en")

    items = [{"text": "Bako mela."}, {"text": "Tiru."}]

    async def read(runner: Runner) -> dict[tuple[str, str], float]:
        translated = await ask(
            runner.app,
            headers={"content-type": "application/json"},
            chunks=[json.dumps({"items": items, "source": "en", "target": "de"}).encode()],
        )
        assert translated.status == 200
        text = (await ask(runner.app, "/metrics", method="GET")).body.decode()
        return {
            (sample.name, sample.labels["model"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if "model" in sample.labels
        }

    with put_together(models) as runner:
        figures = asyncio.run(read(runner))
    assert {model for _, model in figures} == {"en-de", "de-en"}
    assert (figures["octavo_model_loaded", "en-de"], figures["octavo_model_loaded", "de-en"]) == (1, 0)
    assert figures["octavo_model_bytes", "de-en"] > 1000
    assert figures["octavo_engine_sentences_total", "en-de"] >= 2
    assert figures["octavo_engine_target_tokens_total", "en-de"] >= 2
    assert figures["octavo_engine_steps_total", "en-de"] >= 1
    assert figures["octavo_engine_rows", "en-de"] >= 1
    assert figures["octavo_engine_rows_in_use", "en-de"] == 0
    assert figures["octavo_engine_waiting_sentences", "en-de"] == 0
    assert ("octavo_engine_rows", "de-en") not in figures


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/translate", {"items": [{"text": "Bako."}], "source": "en", "target": "fr"}),
        ("/v2/translate", {"text": ["Bako."], "source_lang": "EN", "target_lang": "FR"}),
        ("/translate", {"q": "Bako.", "source": "en", "target": "fr"}),
    ],
)
def test_the_log_says_why_a_request_had_no_result(
    models: Path, monkeypatch: pytest.MonkeyPatch, path: str, body: object
) -> None:
    seen: list[Observation] = []
    monkeypatch.setattr(logs, "request_ended", lambda observation, *_: seen.append(observation))
    headers = {"content-type": "application/json"}
    with put_together(models) as runner:
        reply = asyncio.run(ask(runner.app, path, headers=headers, chunks=[json.dumps(body).encode()]))
    assert reply.status == 400
    assert [(one.status, one.error, one.target) for one in seen] == [(400, "UnsupportedPairError", "")]
