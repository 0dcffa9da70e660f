"""The text panel: translating as one types, alternatives, languages, what can go wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import ELSEWHERE
from .driven_page import DrivenPage
from .fake_models import ARABIC, FakeModels

pytest.importorskip("selenium", reason="driving the page needs selenium")
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser


@pytest.fixture
def german(page: DrivenPage) -> DrivenPage:
    page.choose("en", "de")
    return page


def test_it_translates_as_one_types(german: DrivenPage) -> None:
    german.element("source").send_keys("Two dogs play.")
    german.expect("output", "TWO DOGS PLAY.")
    german.element("source").send_keys(" ☃")
    german.expect("warnings", "The source has characters that the model's vocabulary cannot read.")
    german.expect("announcement", f"TWO DOGS PLAY. ☃ {german.text('warnings')}")
    assert german.text("count") == "16 / 2,000"
    assert german.run("return document.getElementById('output').lang") == "de"
    german.element("clear").click()
    german.expect("output", "")
    assert (german.focused(), german.text("count"), german.text("warnings")) == ("source", "0 / 2,000", "")


def test_keys_in_a_row_are_one_request(german: DrivenPage) -> None:
    german.run("window.asked = 0; const f = fetch; fetch = (...a) => { window.asked += 1; return f(...a); };")
    german.run(
        "const s = document.getElementById('source');"
        "for (const c of 'Two dogs.') { s.value += c; s.dispatchEvent(new Event('input')); }"
    )
    german.expect("output", "TWO DOGS.")
    assert german.run("return window.asked") == 1


def test_an_answer_to_an_older_text_is_given_up_and_never_shown(
    german: DrivenPage, models: FakeModels
) -> None:
    slow = models.translators["de"]
    german.element("source").send_keys("Please wait.")
    german.until(slow.waiting.is_set)
    german.element("source").send_keys(Keys.CONTROL + "a")
    german.element("source").send_keys("Quick.")
    german.expect("output", "QUICK.")
    german.until(slow.given_up.is_set, "the server goes on with what nobody waits for")
    slow.gate.set()
    german.element("source").send_keys(" Again.")
    german.expect("output", "QUICK. AGAIN.")


def test_even_an_answer_that_cannot_be_given_up_is_not_shown(german: DrivenPage) -> None:
    """The older answer comes behind the newer one, from a server that does not see that nobody waits."""
    german.run("""
      const real = fetch;
      fetch = async (address, options) => {
        const answer = await real(address, { ...options, signal: undefined });
        if (options.body.includes("First")) await new Promise((go) => (window.release = go));
        return answer;
      };
    """)
    german.element("source").send_keys("First.")
    german.until(lambda: german.run("return window.release !== undefined"))
    german.element("source").send_keys(Keys.CONTROL + "a")
    german.element("source").send_keys("Second.")
    german.expect("output", "SECOND.")
    german.run("window.release()")
    german.run("return new Promise((done) => setTimeout(done, 50))")
    assert german.text("output") == "SECOND."


def test_a_sentence_has_alternatives(german: DrivenPage) -> None:
    german.element("source").send_keys("One. 🚲 Two!\nThree?")
    german.expect("output", "ONE. 🚲 TWO!\nTHREE?")
    german.sentences()[1].click()
    german.until(lambda: german.browser.find_elements("css selector", "#alternatives [role=menuitemradio]"))
    items = german.browser.find_elements("css selector", "#alternatives [role=menuitemradio]")
    assert [item.text for item in items] == ["🚲 TWO!", *(f"🚲 TWO! ({rank})" for rank in range(2, 6))]
    assert [item.get_attribute("aria-checked") for item in items] == ["true", *["false"] * 4]
    german.picture("alternatives")
    items[2].click()
    german.expect("output", "ONE. 🚲 TWO! (3)\nTHREE?")
    assert not german.element("alternatives").is_displayed()
    german.element("source").send_keys(" Four.")
    german.expect("output", "ONE. 🚲 TWO! (3)\nTHREE? FOUR.")
    german.sentences()[0].click()
    german.until(german.element("alternatives").is_displayed)
    german.element("source").click()
    german.until(lambda: not german.element("alternatives").is_displayed())


def test_languages_and_texts_are_swapped(german: DrivenPage) -> None:
    german.element("source").send_keys("Two Dogs.")
    german.expect("output", "TWO DOGS.")
    german.element("swap").click()
    german.expect("output", "two dogs.")
    assert german.element("source").get_property("value") == "TWO DOGS."
    assert german.run("return [...document.querySelectorAll('.pair select')].map((s) => s.value)") == [
        "de",
        "en",
    ]
    german.choose("en", "ar")
    german.element("swap").click()
    german.expect("swap-note", "This server does not translate from Arabic to English.")
    assert german.element("swap").get_attribute("aria-disabled") == "true"


def test_languages_are_found_out_and_remembered(page: DrivenPage) -> None:
    pytest.importorskip("py3langid", reason="finding a language needs octavo[detect]")
    page.choose("", "en")
    page.element("source").send_keys("Das ist ein deutscher Satz über das Wetter.")
    page.expect("output", "das ist ein deutscher satz über das wetter.")
    option = "return document.getElementById('source-language').selectedOptions[0].text"
    assert page.run(option) == "German (detected)"
    page.element("swap").click()
    page.expect("output", "DAS IST EIN DEUTSCHER SATZ ÜBER DAS WETTER.")
    page.reload()
    assert page.run("return [...document.querySelectorAll('.pair select')].map((s) => s.value)") == [
        "en",
        "de",
    ]


def test_lines_of_other_scripts_run_their_way(page: DrivenPage) -> None:
    page.choose("en", "ar")
    page.element("source").send_keys("One sentence.")
    page.expect("output", ARABIC)
    frame = page.element("output").rect
    sentence = page.sentences()[0].rect
    assert sentence["x"] + sentence["width"] > frame["x"] + frame["width"] - 32
    page.picture("right-to-left")


def test_behind_two_models_the_whole_text_has_alternatives(page: DrivenPage) -> None:
    page.choose("de", "ar")
    page.element("source").send_keys("Eins. Zwei.")
    page.expect("output", f"{ARABIC} {ARABIC}")
    assert len(page.sentences()) == 1


def test_a_text_that_is_too_long_is_not_sent(german: DrivenPage) -> None:
    german.run(
        "const s = document.getElementById('source'); s.value = 'a'.repeat(2003);"
        "s.dispatchEvent(new Event('input'));"
    )
    assert german.text("count") == "3 characters too many"
    german.element("source").send_keys(Keys.BACKSPACE * 3, ".", Keys.CONTROL + "a")
    german.element("source").send_keys("a.")
    german.expect("output", "A.")


@pytest.mark.parametrize("sizing", ["content", "fixed"])
def test_a_text_area_grows_with_its_text(german: DrivenPage, sizing: str) -> None:
    """Also in a browser that does not do so by itself."""
    german.run(
        "document.getElementById('source').style.fieldSizing = arguments[0];"
        "const content = arguments[0] === 'content'; CSS.supports = () => content;",
        sizing,
    )
    before = german.element("source").size["height"]
    german.element("source").send_keys("line\n" * 40)
    german.until(lambda: german.element("source").size["height"] > before + 200)
    assert german.run("const s = document.getElementById('source'); return s.scrollHeight <= s.clientHeight")


def test_the_translation_is_copied(german: DrivenPage) -> None:
    permission = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    german.browser.execute_cdp_cmd("Browser.grantPermissions", permission)
    german.element("source").send_keys("One. Two!\nThree.")
    german.expect("output", "ONE. TWO!\nTHREE.")
    german.element("copy").click()
    german.expect("copy", "Copied")
    assert german.run("return navigator.clipboard.readText()") == "ONE. TWO!\nTHREE."
    german.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    german.expect("copy", "Copy")
    german.element("copy").click()
    german.expect("copy", "Copied")
    assert german.run("return getSelection().toString()") == "ONE. TWO!\nTHREE."


def test_a_server_with_keys_asks_for_one(
    chromium: object, models: FakeModels, tmp_path: Path, pictures: Path | None
) -> None:
    from octavo.server.operations.keys import new_key

    from .served import served

    key = new_key(tmp_path / "keys.txt", "reader")
    with served(models, "", tmp_path / "keys.txt") as address:  # type: ignore[arg-type]
        page = DrivenPage(chromium, address, tmp_path, pictures)
        page.allowed += ["401 (Unauthorized)", "403 (Forbidden)"]
        page.forget()
        page.browser.get(address)
        page.until(page.element("key-form").is_displayed)
        assert page.focused() == "key"
        page.picture("key")
        page.keys("wrong", Keys.ENTER)
        page.expect("key-hint", "The server does not take the key that it got.")
        page.keys(key, Keys.ENTER)
        page.wait_for_languages()
        page.choose("en", "de")
        assert not page.element("key-form").is_displayed()
        page.element("source").send_keys("One.")
        page.expect("output", "ONE.")
        kept = "return [sessionStorage, localStorage].map((s) => JSON.stringify(s).includes(arguments[0]))"
        assert page.run(kept, key) == [True, False]
        page.check_quiet()


def test_the_model_in_the_box_is_behind_it(chromium: object, tmp_path: Path, pictures: Path | None) -> None:
    """What is shown is what the library says, sentence by sentence."""
    import octavo
    from octavo.artifact.boxed import boxed_model
    from octavo.server.model_pool import ModelPool

    from .served import served

    text = "A man rides a bicycle. 🚲 Two dogs play in the snow!\n\nWhy?"
    translator = octavo.load()
    expected = translator(text)
    pool = ModelPool([boxed_model()], threads=1)
    with served(pool, "") as address:
        page = DrivenPage(chromium, address, tmp_path, pictures)
        page.open()
        page.element("source").send_keys(text)
        page.expect("output", expected.text)
        spans = [(one.start, one.end) for one in expected.segments if one.origin == "model"]
        assert [each.text for each in page.sentences()] == [expected.text[a:b] for a, b in spans]
        sentence = page.sentences()[1]
        sentence.click()
        page.until(lambda: page.browser.find_elements("css selector", "[role=menuitemradio]"))
        page.picture("box")
        items = [each.text for each in page.browser.find_elements("css selector", "[role=menuitemradio]")]
        first = expected.segments[1]
        options = translator(text[first.source_start : first.source_end], nbest=5, beam=6).alternatives
        assert items == list(dict.fromkeys([sentence.text, *(each.text for each in options)]))
        page.check_quiet()
    pool.close()


def test_it_works_from_another_machine_without_tls(
    chromium: object, address: str, tmp_path: Path, pictures: Path | None
) -> None:
    page = DrivenPage(chromium, address.replace("127.0.0.1", ELSEWHERE), tmp_path, pictures)
    page.open()
    assert page.run("return [isSecureContext, navigator.clipboard === undefined]") == [False, True]
    page.choose("en", "de")
    page.element("source").send_keys("One. Two!")
    page.expect("output", "ONE. TWO!")
    page.element("copy").click()
    page.expect("copy", "Copied")
    page.element("source").send_keys(Keys.CONTROL + "a")
    page.element("source").send_keys(Keys.CONTROL + "v")
    page.expect("output", "ONE. TWO!")
    assert page.element("source").get_property("value") == "ONE. TWO!"
    page.check_quiet()


def test_a_server_that_is_away_is_told(german: DrivenPage) -> None:
    german.allowed.append("ERR_INTERNET_DISCONNECTED")
    network = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    german.browser.execute_cdp_cmd("Network.emulateNetworkConditions", network)
    german.element("source").send_keys("One.")
    german.until(german.element("text-error").is_displayed)
    assert german.text("text-error-text") == "The server cannot be reached."
    german.picture("offline")
    german.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**network, "offline": False})
    german.expect("output", "ONE.")
    assert not german.element("text-error").is_displayed()


def test_half_an_answer_is_none(german: DrivenPage) -> None:
    german.run("""
      const real = fetch;
      fetch = async (...asked) => {
        fetch = real;
        const half = new ReadableStream({ start: (stream) => stream.error(new TypeError("cut off")) });
        return new Response(half, { status: 200 });
      };
    """)
    german.element("source").send_keys("One.")
    german.until(german.element("text-error").is_displayed)
    german.element("text-retry").click()
    german.expect("output", "ONE.")


def test_a_server_that_is_busy_is_asked_again(german: DrivenPage) -> None:
    german.allowed.append("503 (Service Unavailable)")
    german.element("source").send_keys("A busy day.")
    german.expect("text-error-text", "The server has much to do. Your text is sent again in 1 s.")
    german.expect("output", "A BUSY DAY.")
