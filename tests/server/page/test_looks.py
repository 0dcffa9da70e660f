"""What the page looks like, and how it is used without a mouse: widths, themes, contrast, keys, focus."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from .driven_page import DrivenPage

pytest.importorskip("selenium", reason="driving the page needs selenium")
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.browser

TABS = ("text", "documents", "glossary")
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnung" * 3

# Elements that reach beyond the window, and those whose text is wider than they are.
_BEYOND = """
  const wide = innerWidth;
  return [...document.body.querySelectorAll("*")].filter((each) => {
    const box = each.getBoundingClientRect();
    if (!box.width || each.closest(".hidden, [hidden]")) return false;
    return box.left < -0.5 || box.right > wide + 0.5;
  }).map((each) => each.id || each.className || each.localName);
"""

# Texts whose colours are too like, by WCAG 2.2: 4.5 to 1, and 3 to 1 for the edges of what is filled in.
_FAINT = """
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    throw new Error("no background");
  };
  const contrast = (a, b) => {
    const [dark, bright] = [light(a), light(b)].sort((x, y) => x - y);
    return (bright + 0.05) / (dark + 0.05);
  };
  const shown = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 1;
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (!shown(element) || element.disabled) continue;
    const style = getComputedStyle(element);
    const writes = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (writes || element.matches("select, textarea, input")) {
      const ratio = contrast(channels(style.color), behind(element));
      if (ratio < 4.5) found.push([element.id || element.className || element.localName, ratio]);
    }
    if (element.matches("select, input")) {
      const ratio = contrast(channels(style.borderTopColor), behind(element.parentElement));
      if (ratio < 3) found.push(["edge of " + element.id, ratio]);
    }
  }
  return found;
"""


def fill(page: DrivenPage) -> None:
    """Something in every panel, and every kind of message."""
    page.choose("en", "de")
    page.element("source").send_keys(f"One sentence. {LONG}! ☃")
    page.until(lambda: page.text("warnings"))
    page.element("tab-glossary").click()
    page.element("term-add").click()
    page.keys(LONG, Keys.TAB, "x", Keys.ENTER)
    page.keys(LONG)
    page.until(lambda: page.text("glossary-error"))


def theme(page: DrivenPage, name: str) -> None:
    page.until(lambda: page.text("theme-name") == name or page.element("theme").click())


@pytest.mark.parametrize(("width", "name"), list(itertools.product((400, 1200), ("light", "dark"))))
def test_nothing_is_cut_off_and_all_can_be_read(page: DrivenPage, width: int, name: str) -> None:
    page.open(width)
    fill(page)
    theme(page, name)
    for tab in TABS:
        page.element(f"tab-{tab}").click()
        assert page.run("return document.documentElement.scrollWidth") == width
        assert page.run(_BEYOND) == []
        assert page.run(_FAINT) == []
        page.picture(f"{tab}-{name}-{width}")
    page.element("help-open").click()
    assert page.run(_BEYOND) == []
    assert page.run(_FAINT) == []
    page.picture(f"help-{name}-{width}")


@pytest.mark.parametrize("width", [400, 1200])
def test_the_interfaces_are_a_page_too(page: DrivenPage, width: int) -> None:
    page.resize(width)
    page.element("interface").click()
    page.until(lambda: page.run("return document.getElementById('reference')?.ariaBusy") == "false")
    for details in page.browser.find_elements("css selector", "#reference details"):
        page.run("arguments[0].open = true", details)
    assert "/v1/translate" in page.text("reference")
    assert page.run("return document.documentElement.scrollWidth") == width
    assert page.run(_BEYOND) == []
    page.picture(f"interfaces-{width}")


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_the_systems_until_one_is_chosen(page: DrivenPage, system: str) -> None:
    def background() -> str:
        return str(page.run("return getComputedStyle(document.body).backgroundColor"))

    media = {"features": [{"name": "prefers-color-scheme", "value": system}]}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    own = background()
    theme(page, "dark")
    dark = background()
    theme(page, "light")
    light = background()
    assert (own, dark != light) == ({"light": light, "dark": dark}[system], True)
    theme(page, "dark")
    page.reload()
    assert (background(), page.text("theme-name")) == (dark, "dark")
    theme(page, "system")
    assert background() == own
    page.reload()
    assert page.text("theme-name") == "system"
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def stops(page: DrivenPage) -> list[str]:
    """What the Tab key comes by, from the first element to the last. Each shows that it has the focus."""
    page.run("document.getElementById('theme').focus()")
    page.keys(Keys.SHIFT + Keys.TAB)
    found: list[str] = []
    while (name := page.focused()) not in ("body", *found[:1]):
        marked = page.run("""
          const lit = (each) => each && getComputedStyle(each).outlineStyle !== "none";
          return lit(document.activeElement) || lit(document.activeElement.closest(".sheet"));
        """)
        assert marked, f"{name} does not show that it has the focus"
        found.append(name)
        assert len(found) < 40
        ActionChains(page.browser).send_keys(Keys.TAB).perform()
    return found


def test_the_tab_key_comes_by_everything(page: DrivenPage) -> None:
    page.choose("en", "de")
    page.element("source").send_keys("One. Two.")
    page.expect("output", "ONE. TWO.")
    head = ["help-open", "theme"]
    pair = ["source-language", "swap", "target-language"]
    assert stops(page) == [
        *(*head, "tab-text", *pair),
        *("source", "clear", "sentence", "copy", "interface"),
    ]
    page.element("tab-documents").click()
    assert stops(page) == [*head, "tab-documents", *pair, "choose", "interface"]
    page.element("tab-glossary").click()
    page.element("term-add").click()
    row = ["input", "input", "input", "quiet"]
    buttons = ["term-add", "terms-import", "terms-export", "terms-clear"]
    assert stops(page) == [*head, "tab-glossary", *pair, *row, *buttons, "interface"]


def test_everything_has_a_name(page: DrivenPage) -> None:
    fill(page)
    nameless = []
    for tab in TABS:
        page.element(f"tab-{tab}").click()
        tree = page.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        nameless += [node for node in tree if _wants_a_name(node) and not node["name"]["value"].strip()]
    assert nameless == []


def _wants_a_name(node: dict[str, Any]) -> bool:
    roles = {"button", "checkbox", "combobox", "textbox", "tab", "tabpanel", "group", "image", "list"}
    roles -= {"image", "list"}  # those that only adorn have none
    return not node.get("ignored") and node.get("role", {}).get("value") in roles and "name" in node


def test_all_of_it_without_a_mouse(page: DrivenPage) -> None:
    page.choose("en", "de")
    keys = ActionChains(page.browser)
    page.run("document.getElementById('source').focus()")
    page.keys("One. Two! Three?", Keys.CONTROL + Keys.ENTER)
    page.expect("output", "ONE. TWO! THREE?")
    page.keys(Keys.TAB)
    page.keys(Keys.TAB)
    page.keys(Keys.ARROW_RIGHT)
    assert page.run("return document.activeElement.textContent") == "TWO!"
    page.keys(Keys.ENTER)
    page.until(lambda: page.run("return document.activeElement.role") == "menuitemradio")
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.keys(Keys.ESCAPE)
    assert page.run("return document.activeElement.textContent") == "TWO!"
    assert not page.element("alternatives").is_displayed()
    page.keys(Keys.ENTER)
    page.until(lambda: page.run("return document.activeElement.role") == "menuitemradio")
    page.keys(Keys.ARROW_UP)
    assert page.run("return document.activeElement.textContent") == "TWO! (5)"
    page.keys(Keys.ENTER)
    page.expect("output", "ONE. TWO! (5) THREE?")
    assert page.run("return document.activeElement.textContent") == "TWO! (5)"
    for key in ("s", "c"):
        keys.key_down(Keys.ALT).key_down(Keys.SHIFT).send_keys(key).key_up(Keys.SHIFT).key_up(Keys.ALT)
        keys.perform()
        keys.reset_actions()
        if key == "s":
            page.expect("output", "one. two! (5) three?")
    page.expect("copy", "Copied")
    page.run("document.getElementById('tab-text').focus()")
    page.keys(Keys.ARROW_LEFT)
    assert page.focused() == "tab-glossary"
    assert page.element("panel-glossary").is_displayed()
    page.keys(Keys.ARROW_RIGHT)
    assert page.focused() == "tab-text"
    keys.key_down(Keys.ALT).key_down(Keys.SHIFT).send_keys("x").key_up(Keys.SHIFT).key_up(Keys.ALT).perform()
    assert (page.focused(), page.text("output")) == ("source", "")
    page.run("document.getElementById('help-open').focus()")
    page.keys(Keys.ENTER)
    page.until(page.element("help").is_displayed)
    page.keys(Keys.ESCAPE)
    page.until(lambda: not page.element("help").is_displayed())
    assert page.focused() == "help-open"


def test_the_page_is_told_what_changes(page: DrivenPage) -> None:
    page.choose("en", "de")
    live = "return [...document.querySelectorAll('[role=status], [role=alert]')].map((e) => e.id)"
    assert {"announcement", "text-error", "load-error", "glossary-error", "swap-note"} <= set(page.run(live))
    page.element("source").send_keys("One.")
    page.expect("announcement", "ONE.")
    assert page.element("output").get_attribute("aria-busy") == "false"
