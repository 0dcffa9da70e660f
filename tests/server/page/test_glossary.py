"""The glossary editor: terms are kept in the browser, sent with texts, and go in and out as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from .driven_page import DrivenPage

pytest.importorskip("selenium", reason="driving the page needs selenium")
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser


@pytest.fixture
def editor(page: DrivenPage) -> DrivenPage:
    page.choose("en", "de")
    page.element("source").send_keys("A bicycle and Octavo.")
    page.expect("output", "A BICYCLE AND OCTAVO.")
    page.element("tab-glossary").click()
    return page


def fields(page: DrivenPage) -> list[str]:
    script = "return [...document.querySelectorAll('#terms input:not([type=checkbox])')].map((i) => i.value)"
    return list(page.run(script))


def test_terms_are_heeded_and_kept(editor: DrivenPage) -> None:
    editor.element("term-add").click()
    editor.keys("bicycle", Keys.TAB, "Rad|Fahrrad", Keys.ENTER)
    editor.keys("Octavo")
    editor.expect("output", "A Rad AND Octavo.")
    assert editor.text("term-count") == " (2)"
    editor.picture("glossary")
    editor.reload()
    editor.element("tab-glossary").click()
    assert fields(editor) == ["bicycle", "Rad|Fahrrad", "Octavo", ""]
    editor.choose("de", "en")
    assert (fields(editor), editor.text("glossary-source"), editor.text("term-count")) == ([], "German", "")
    editor.choose("en", "de")
    editor.browser.find_element("css selector", "#terms button").click()
    assert fields(editor) == ["Octavo", ""]
    editor.element("tab-text").click()
    editor.element("source").send_keys("A bicycle and Octavo.")
    editor.expect("output", "A BICYCLE AND Octavo.")


def test_same_case_is_asked_for(editor: DrivenPage) -> None:
    editor.element("term-add").click()
    editor.keys("octavo", Keys.TAB, "book")
    editor.expect("output", "A BICYCLE AND Book.")
    editor.browser.find_element("css selector", "#terms input[type=checkbox]").click()
    editor.expect("output", "A BICYCLE AND OCTAVO.")


def test_doubtful_rows_are_marked_and_not_sent(editor: DrivenPage) -> None:
    editor.element("term-add").click()
    editor.keys("bicycle", Keys.TAB, "Rad", Keys.ENTER)
    editor.keys("bicycle", Keys.TAB, "Velo")
    editor.expect(
        "glossary-error", "“bicycle” is there twice; the first counts. Put “|” between several translations."
    )
    marked = "return [...document.querySelectorAll('#terms [aria-invalid=true]')].length"
    assert editor.run(marked) == 1
    editor.expect("output", "A Rad AND OCTAVO.")
    editor.keys(Keys.SHIFT + Keys.TAB)
    editor.keys(Keys.CONTROL + "a")
    editor.keys(Keys.DELETE)
    editor.expect("glossary-error", "The translation “Velo” has no term, and is not used.")


def test_terms_come_from_files_and_go_into_them(editor: DrivenPage, tmp_path: Path) -> None:
    editor.element("term-add").click()
    editor.keys("bicycle", Keys.TAB, "Velo")
    file = tmp_path / "terms.tsv"
    file.write_text("bicycle\tRad\nOctavo\t\texact\n", encoding="utf-8")
    editor.element("terms-file").send_keys(str(file))
    editor.expect("output", "A Rad AND Octavo.")
    editor.element("terms-export").click()
    exported = tmp_path / "en-de.tsv"
    editor.until(exported.exists, "nothing was downloaded")
    text = "source\ttarget\nbicycle\tRad\nOctavo\t\texact\n"
    editor.until(lambda: exported.read_text(encoding="utf-8") == text)
    editor.element("terms-clear").click()
    assert fields(editor) == []
    editor.expect("output", "A BICYCLE AND OCTAVO.")
    file.write_text("\tRad\n", encoding="utf-8")
    editor.element("terms-file").send_keys(str(file))
    editor.expect("glossary-error", "terms.tsv was not read. Line 1 has no term. Write it before the tab.")


def test_a_language_has_to_be_known_first(page: DrivenPage) -> None:
    pytest.importorskip("py3langid", reason="finding a language needs octavo[detect]")
    page.choose("", "de")
    page.element("tab-glossary").click()
    assert page.text("glossary-error") == "Choose a language to translate from, to see its terms."
    assert not page.element("term-add").is_enabled()
    page.element("tab-text").click()
    page.element("source").send_keys("The man rides a bicycle through the snow.")
    page.expect("output", "THE MAN RIDES A BICYCLE THROUGH THE SNOW.")
    page.element("tab-glossary").click()
    page.element("term-add").click()
    page.keys("bicycle", Keys.TAB, "Rad")
    page.expect("output", "THE MAN RIDES A Rad THROUGH THE SNOW.")
