"""Documents through DeepL's API, as its official client sends and fetches them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the service needs octavo[serve]")
pytest.importorskip("uvicorn", reason="the service needs octavo[serve]")
pytest.importorskip("deepl", reason="the official client: pip install deepl")
import deepl

from octavo import Translator
from octavo.server.model_pool import ModelPool
from octavo.server.settings import ServerSettings
from octavo.terms import Entry, Glossary

from .running import served

TEXT = "A man rides a bicycle."


def test_a_document_from_a_path(client: deepl.DeepLClient, library: Translator, tmp_path: Path) -> None:
    docx = pytest.importorskip("docx", reason="python-docx makes the document")
    document = docx.Document()
    document.add_heading("Two dogs", 1)
    paragraph = document.add_paragraph("A man ")
    paragraph.add_run("rides").bold = True
    paragraph.add_run(" a bicycle.")
    source, target = tmp_path / "report.docx", tmp_path / "bericht.docx"
    document.save(source)
    status = client.translate_document_from_filepath(source, target, source_lang="EN", target_lang="DE")
    assert status.done
    assert target.read_bytes() == library.document(source, None).content


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.html", "<p>A man <b>rides</b> a bicycle.</p>"),
        ("notes.txt", "A man rides a bicycle.\nTwo dogs.\n"),
        ("folder/../../notes.TXT", "Two dogs play in the snow. A child looks at them.\n"),
    ],
)
def test_an_uploaded_document(
    client: deepl.DeepLClient, library: Translator, tmp_path: Path, name: str, content: str
) -> None:
    copy = tmp_path / Path(name).name
    copy.write_text(content, encoding="utf-8")
    result = io.BytesIO()
    status = client.translate_document(
        content,
        result,
        source_lang="EN",
        target_lang="DE",
        filename=name,
        output_format=name[-4:].lstrip("."),
    )
    assert status.done
    expected = library.document(copy, None)
    assert result.getvalue() == expected.content
    assert status.billed_characters == sum(len(passage.source) for _, passage in expected.passages)


def test_a_document_with_a_glossary(client: deepl.DeepLClient, library: Translator, glossary_id: str) -> None:
    result = io.BytesIO()
    client.translate_document(
        TEXT, result, source_lang="EN", target_lang="DE", filename="a.txt", glossary=glossary_id
    )
    terms = Glossary([Entry("bicycle", ("Drahtesel",))], "en")
    assert result.getvalue().decode() == library(TEXT, glossary=terms).text


def test_a_document_step_by_step(client: deepl.DeepLClient) -> None:
    handle = client.translate_document_upload(
        io.BytesIO(b"A man rides a bicycle."),
        target_lang="DE",
        filename=None,
        extra_body_parameters={"filename": "a.txt"},
    )
    wrong = deepl.DocumentHandle(handle.document_id, handle.document_key[::-1])
    for ask in (client.translate_document_get_status, client.translate_document_download):
        with pytest.raises(deepl.DeepLException, match="Not found"):
            ask(wrong)
        with pytest.raises(deepl.DeepLException, match="Not found"):
            ask(deepl.DocumentHandle("../" + handle.document_id, "é"))
    client.translate_document_wait_until_done(handle)
    response = client.translate_document_download(handle)
    assert 'filename="a.txt"' in response.headers["content-disposition"]
    response.close()
    with pytest.raises(deepl.DeepLException, match="Not found"):
        client.translate_document_download(handle)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.docx", b"PK\x03\x04 no archive", "ZIP|archive|zip"),
        ("a.txt", b"  \n", "no text"),
        (
            "a.xlf",
            b"<xliff version='1.2'><file source-language='fr' target-language='de'/></xliff>",
            "xliff|fr",
        ),
    ],
)
def test_documents_that_fail(client: deepl.DeepLClient, name: str, content: bytes, why: str) -> None:
    result = io.BytesIO()
    with pytest.raises(deepl.DocumentTranslationException, match=why) as caught:
        client.translate_document(content, result, source_lang="EN", target_lang="DE", filename=name)
    with pytest.raises(deepl.DeepLException, match="Bad request"):
        client.translate_document_download(caught.value.document_handle)
    assert not result.getvalue()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"filename": "a.exe"}, "no known kind"),
        ({"filename": "a"}, "no known kind"),
        ({"filename": "a.txt", "output_format": "pdf"}, "'output_format' is not supported"),
        ({"filename": "a.txt", "target_lang": "FR"}, "'target_lang' not supported"),
        ({"filename": "a.txt", "formality": "more"}, "'formality' is not supported"),
    ],
)
def test_documents_that_are_not_taken(client: deepl.DeepLClient, options: dict[str, str], why: str) -> None:
    given = {"source_lang": "EN", "target_lang": "DE"} | options
    with pytest.raises(deepl.DeepLException, match=why):
        client.translate_document_upload("A dog.", **given)


def test_a_document_that_is_too_large(pool: ModelPool) -> None:
    with served(pool, ServerSettings(max_document_bytes=5000)) as address:
        client = deepl.DeepLClient("any-key", server_url=address)
        with pytest.raises(deepl.DeepLException) as caught:
            client.translate_document_upload("A dog. " * 1000, target_lang="DE", filename="a.txt")
        assert caught.value.http_status_code == 413
        client.close()
