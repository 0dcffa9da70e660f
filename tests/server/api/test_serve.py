"""The official clients against ``octavo serve`` as it is run: with keys, limits and a folder of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvloop", reason="the service needs octavo[serve]")
pytest.importorskip("deepl", reason="the official client: pip install deepl")
pytest.importorskip("libretranslatepy", reason="the official client: pip install libretranslatepy")
import deepl
from libretranslatepy import LibreTranslateAPI

from octavo import Translator
from octavo.server.operations.keys import new_key

TEXT = "A man rides a bicycle."


@contextmanager
def octavo_serve(folder: Path) -> Iterator[str]:
    """The address of a service, which must end well when it is told to stop and leave nothing."""
    (folder / "tmp").mkdir(exist_ok=True)
    arguments = ["--port", "0", "--threads", "1", "--keys", folder / "keys", "--state", folder / "state"]
    process = subprocess.Popen(
        [sys.executable, "-m", "octavo", "serve", *arguments, "--log-format", "json"],
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as log:
        try:
            line = next((line for line in log if '"listening"' in line), "")
            address = re.search(r"http://[\d.:]+", line)
            assert address, line
            yield address[0]
        finally:
            process.send_signal(signal.SIGTERM)
            told = log.read()
            assert process.wait(60) == 0
    assert TEXT not in told
    assert all(json.loads(line) for line in told.splitlines())
    assert not list((folder / "tmp").iterdir())


def test_both_clients(tmp_path: Path, library: Translator) -> None:
    key = new_key(tmp_path / "keys", "alice")
    with octavo_serve(tmp_path) as address:
        client = deepl.DeepLClient(key, server_url=address)
        assert client.translate_text(TEXT, source_lang="EN", target_lang="DE").text == library(TEXT).text
        terms = client.create_glossary("Terms", "EN", "DE", {"bicycle": "Drahtesel"})
        result = io.BytesIO()
        client.translate_document(TEXT, result, source_lang="EN", target_lang="DE", filename="a.txt")
        assert result.getvalue().decode() == library(TEXT).text
        client.translate_document_upload(TEXT, source_lang="EN", target_lang="DE", filename="b.txt")
        assert LibreTranslateAPI(address, key).translate(TEXT, "en", "de") == library(TEXT).text
        wrong = deepl.DeepLClient("wrong", server_url=address)
        with pytest.raises(deepl.AuthorizationException):
            wrong.get_usage()
        wrong.close()
        client.close()
    with octavo_serve(tmp_path) as address:
        client = deepl.DeepLClient(key, server_url=address)
        assert [one.glossary_id for one in client.list_glossaries()] == [terms.glossary_id]
        assert "Drahtesel" in client.translate_text_with_glossary(TEXT, terms).text
        client.close()
