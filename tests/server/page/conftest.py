"""The page in headless Chromium, in front of the real service with models that a test can foresee.

``OCTAVO_PAGE_SCREENSHOTS=DIR`` keeps pictures of what the tests look at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .driven_page import DrivenPage
from .fake_models import FakeModels

PREFIX = "/under/a-prefix"

ELSEWHERE = "octavo.test"
"""A name of this machine that browsers do not trust as they trust 127.0.0.1: as from another machine."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A WebDriver, or a skip that says what is missing."""
    pytest.importorskip("selenium", reason="driving the page needs selenium")
    binary = shutil.which("chromium")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("driving the page needs chromium and chromedriver (Debian: chromium-driver)")
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = binary
    profile = tmp_path_factory.mktemp("chromium")
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"),
        *("no-first-run", "disable-background-networking", f"user-data-dir={profile}"),
        f"host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Chrome(options=options, service=ChromeService(driver))
    browser.set_script_timeout(20)
    yield browser
    browser.quit()


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def address(models: FakeModels) -> Iterator[str]:
    """Of the page, on a server of this test, under a prefix."""
    pytest.importorskip("starlette", reason="the service needs octavo[serve]")
    from .served import served

    with served(models, PREFIX) as address:  # type: ignore[arg-type]
        yield address
        for translator in models.translators.values():
            translator.gate.set()


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Where pictures are kept; None where nobody wants them."""
    folder = os.environ.get("OCTAVO_PAGE_SCREENSHOTS")
    return Path(folder) if folder else None


@pytest.fixture
def page(chromium: object, address: str, tmp_path: Path, pictures: Path | None) -> Iterator[DrivenPage]:
    """The page as a new reader has it, 1,200 pixels wide; behind the test it must have nothing to regret."""
    page = DrivenPage(chromium, address, tmp_path, pictures)
    page.open()
    yield page
    page.check_quiet()
