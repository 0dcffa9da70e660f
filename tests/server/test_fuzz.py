"""No request makes the service fail: some that fit its OpenAPI document, some that do not, some broken."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("schemathesis", reason="requests are made by schemathesis, of octavo[test]")
pytest.importorskip("starlette", reason="the service needs octavo[serve]")
from benchmarks.fuzz_service import fuzz, fuzz_bytes

from octavo.server.app import create_app
from octavo.server.model_pool import ModelPool
from octavo.server.service import Service
from octavo.server.settings import ServerSettings

from ..models import write_tiny_model


def test_no_request_makes_the_service_fail(tmp_path: Path) -> None:
    settings = ServerSettings(max_text_characters=1000)
    write_tiny_model(tmp_path / "en-de")
    models = ModelPool([tmp_path / "en-de"], threads=1)
    app = create_app(Service(models, settings), settings)
    counts = fuzz(app, ("en", "de"), examples=6)
    assert counts["POST /v1/translate, positive"][200] and counts["POST /v1/translate, negative"][400]
    assert sum(fuzz_bytes(app, 40).values()) == 40
    models.close()
