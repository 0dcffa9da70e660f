"""What a test does with the page, and what it asks of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 20

_WATCH = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(event.violatedDirective);
  });
"""


class DrivenPage:
    """The page in a browser. ``allowed`` are parts of messages of the console that a test asks for."""

    def __init__(self, browser: Any, address: str, folder: Path, pictures: Path | None) -> None:
        self.browser = browser
        self.address = address
        self.folder = folder
        self.allowed: list[str] = []
        self._pictures = pictures
        self._watch = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})[
            "identifier"
        ]
        browser.execute_cdp_cmd("Network.enable", {})
        browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
        )

    def open(self, width: int = 1200) -> None:
        """Load it, as somebody who was never here, and wait until it knows its languages."""
        self.forget(width)
        self.reload()

    def forget(self, width: int = 1200) -> None:
        """Be somebody who was never here."""
        self.resize(width)
        self.browser.get("about:blank")
        origin = self.address.split("/", 3)
        storage = {"origin": "/".join(origin[:3]), "storageTypes": "local_storage"}
        self.browser.execute_cdp_cmd("Storage.clearDataForOrigin", storage)
        for kind in ("browser", "performance"):
            self.browser.get_log(kind)

    def reload(self) -> None:
        """Load it, and wait until it knows its languages."""
        self.browser.get(self.address)
        self.wait_for_languages()

    def wait_for_languages(self) -> None:
        """Until it has asked the server for them."""
        self.until(lambda: self.run("return document.getElementById('target-language').options.length"))

    def resize(self, width: int, height: int = 900) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def run(self, script: str, *arguments: object) -> Any:
        """What JavaScript returns in the page."""
        return self.browser.execute_script(script, *arguments)

    def module(self, name: str, body: str, *arguments: object) -> Any:
        """What ``body`` returns; in it ``m`` is a module of the page, and ``a`` are the arguments."""
        script = f"""
          const done = arguments[arguments.length - 1];
          const [address, ...a] = arguments;
          import(address).then(async (m) => {{ {body} }}).then(done, (e) => done("error: " + e.message));
        """
        return self.browser.execute_async_script(script, f"{self.address}page/{name}", *arguments)

    def until(self, holds: Callable[[], object], what: str = "") -> None:
        """Wait for the page."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, what or "the page did not come to it"
            time.sleep(0.02)

    def element(self, name: str) -> Any:
        """One by its id."""
        return self.browser.find_element("id", name)

    def text(self, name: str) -> str:
        """Of an element, as it is, white space too."""
        return str(self.run("return document.getElementById(arguments[0]).textContent", name))

    def sentences(self) -> list[Any]:
        found: list[Any] = self.browser.find_elements("css selector", "#output .sentence")
        return found

    def choose(self, source: str, target: str) -> None:
        """The languages; a source of "" is found out."""
        for name, value in (("source-language", source), ("target-language", target)):
            self.run(
                "const s = document.getElementById(arguments[0]); s.value = arguments[1];"
                "s.dispatchEvent(new Event('change'));",
                *(name, value),
            )

    def expect(self, name: str, text: str) -> None:
        """Wait until an element has this text."""
        self.until(lambda: self.text(name) == text, f"{name} is not {text!r}")

    def keys(self, *keys: str) -> None:
        """To whatever has the focus."""
        self.browser.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        """What has the focus: its id, else its class or its name."""
        return str(self.run("const e = document.activeElement; return e.id || e.className || e.localName;"))

    def picture(self, name: str) -> None:
        """Keep what the page looks like, where the tests were asked to."""
        if self._pictures:
            self._pictures.mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(self._pictures / f"{name}.png"))

    def check_quiet(self) -> None:
        """No error in the console, nothing that the policy had to stop, no request to anywhere else."""
        self.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": self._watch})
        assert self.run("return window.violations") == []
        messages = [each["message"] for each in self.browser.get_log("browser")]
        assert [each for each in messages if not any(part in each for part in self.allowed)] == []
        events = [json.loads(each["message"])["message"] for each in self.browser.get_log("performance")]
        sent = [each for each in events if each["method"] == "Network.requestWillBeSent"]
        addresses = {each["params"]["request"]["url"] for each in sent}
        assert addresses
        assert {each for each in addresses if not each.startswith((self.address, "blob:", "about:"))} == set()
