"""Documents: chosen and dropped, their progress, cancelled, downloaded, with the terms of the glossary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .driven_page import DrivenPage
from .fake_models import FakeModels
from .served import SETTINGS

pytestmark = pytest.mark.browser

_DROP = """
  const transfer = new DataTransfer();
  for (const [name, text] of arguments[0]) transfer.items.add(new File([text], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
    if (kind !== "drop") window.dropping = document.body.classList.contains("dropping");
    if (kind !== "dragenter" && !event.defaultPrevented) throw new Error(kind + " went to the browser");
  }
"""


@pytest.fixture
def documents(page: DrivenPage) -> DrivenPage:
    page.choose("en", "de")
    page.element("tab-documents").click()
    return page


def rows(page: DrivenPage) -> list[Any]:
    found: list[Any] = page.browser.find_elements("css selector", "#documents li")
    return found


def states(page: DrivenPage) -> list[str]:
    script = "return [...document.querySelectorAll('#documents .state')].map((each) => each.textContent)"
    return list(page.run(script))


def press(row: Any, name: str) -> None:
    row.find_element("css selector", f".{name}").click()


def downloaded(page: DrivenPage, name: str) -> str:
    file = page.folder / name
    page.until(file.exists, f"{name} was not downloaded")
    page.until(lambda: file.stat().st_size)
    return file.read_text(encoding="utf-8")


def test_documents_are_chosen_translated_and_downloaded(documents: DrivenPage, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "page.html").write_text("<p>Two <b>dogs</b>.</p>\n", encoding="utf-8")
    (sent / "Größe.txt").write_text("A man.\n", encoding="utf-8")
    documents.element("files").send_keys(f"{sent / 'page.html'}\n{sent / 'Größe.txt'}")
    documents.until(lambda: states(documents) == ["Translated"] * 2)
    documents.picture("documents-done")
    for row in rows(documents):
        press(row, "download")
    assert downloaded(documents, "page.de.html") == "<p>TWO <b>DOGS</b>.</p>\n"
    assert downloaded(documents, "Größe.de.txt") == "A MAN.\n"
    press(rows(documents)[0], "cancel")
    assert len(rows(documents)) == 1


def test_documents_are_dropped_anywhere(documents: DrivenPage) -> None:
    documents.element("tab-text").click()
    documents.run(_DROP, [["a.txt", "One."], ["b.md", "# Two\n"]])
    assert documents.run("return window.dropping") is True
    assert documents.element("panel-documents").is_displayed()
    documents.until(lambda: states(documents) == ["Translated"] * 2)
    assert documents.text("announcement").endswith(" is translated.")


def test_two_documents_go_at_once_and_each_can_be_cancelled(
    documents: DrivenPage, models: FakeModels
) -> None:
    translator = models.translators["de"]
    documents.run(_DROP, [[f"{name}.txt", f"Please wait, {name}."] for name in ("a", "b", "c", "d")])
    documents.until(lambda: states(documents)[:2] == ["Translating"] * 2)
    assert states(documents)[2:] == ["Waiting"] * 2
    documents.picture("documents-under-way")
    press(rows(documents)[3], "cancel")
    press(rows(documents)[0], "cancel")
    documents.until(translator.given_up.is_set, "the server goes on with what nobody wants")
    documents.until(lambda: states(documents) == ["Translating"] * 2)
    translator.gate.set()
    documents.until(lambda: states(documents) == ["Translated"] * 2)


def test_what_cannot_be_translated_says_why(documents: DrivenPage) -> None:
    documents.allowed.append("400 (Bad Request)")
    documents.run(_DROP, [["a.docx", "no archive"], ["b.exe", "no document"], ["c.txt", ""]])
    documents.until(lambda: len(documents.browser.find_elements("css selector", ".failed")) == 3)
    assert "a ZIP archive" in states(documents)[0]
    assert states(documents)[1].startswith("The document is of no known kind")
    assert states(documents)[2] == "The document has no text to translate."
    for width in (400, 1200):
        documents.resize(width)
        assert documents.run("return document.documentElement.scrollWidth") == width
        documents.picture(f"documents-failed-{width}")
    most = SETTINGS.max_document_bytes
    documents.run("arguments[0]; window.big = 'a'.repeat(arguments[0] + 1);", most)
    documents.run(_DROP.replace("[text]", "[window.big]"), [["d.txt", ""]])
    assert states(documents)[3] == "This document is larger than 1 MiB, the most that this server takes."


def test_the_glossary_goes_with_documents(documents: DrivenPage) -> None:
    documents.run(
        "localStorage.setItem('octavo.glossary.en-de', JSON.stringify(arguments[0]))",
        [
            {"source": "bicycle", "target": "Rad|Fahrrad", "exact": False},
            {"source": "Octavo", "target": "", "exact": True},
        ],
    )
    documents.reload()
    documents.element("tab-documents").click()
    documents.run(_DROP, [["a.txt", "A bicycle and Octavo."]])
    documents.until(lambda: states(documents) == ["Translated"])
    press(rows(documents)[0], "download")
    assert downloaded(documents, "a.de.txt") == "A Rad AND Octavo."
