"""Which language a text is in, and that nobody is warned of another one without need."""

from __future__ import annotations

import importlib.util
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from octavo.errors import OctavoError
from octavo.text import identification
from octavo.text.identification import identify, is_identified, other_language

needs_py3langid = pytest.mark.skipif(
    importlib.util.find_spec("py3langid") is None, reason="py3langid is not installed"
)


@needs_py3langid
@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ein Mann fährt auf einem Fahrrad über die Straße.", "de"),
        ("Un homme fait du vélo dans la rue principale.", "fr"),
        ("The children are playing with their dog in the garden.", "en"),
        ("Этот мужчина каждый день ездит на велосипеде на работу.", "ru"),
        ("एक आदमी सड़क पर साइकिल चला रहा है और गा रहा है।", "hi"),
        ("一个男人正在街上骑自行车。旁边有两只狗在雪地里玩耍。", "zh"),
    ],
)
def test_a_sentence_is_in_its_language(text: str, language: str) -> None:
    found = identify(text)
    assert found.language == language
    assert identification.SURE <= found.confidence <= 1
    assert other_language(text, f"{language}-XX") is None
    expected = "de" if language == "en" else "en"
    assert other_language(text, expected) == found


@needs_py3langid
@pytest.mark.parametrize(
    "text",
    [
        "",
        "Guten Morgen!",
        "12.30 - 14.45 (1 234,50 €)",
        "Hans-Georg Müller, Straßburg; Jürgen Größer, Düsseldorf",
        "for (int i = 0; i < n; ++i) { summe += werte[i] * zahl; }",
        "https://www.beispiel.de/über/größe.html?straße=3",
        "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
        "\ud800 \x00",
    ],
)
def test_what_is_short_or_no_prose_warns_nobody(text: str) -> None:
    assert other_language(text, "en") is None


@needs_py3langid
def test_a_language_that_cannot_be_told_apart_warns_nobody() -> None:
    assert other_language("Ein Mann fährt auf einem Fahrrad über die Straße.", "tlh") is None
    assert not is_identified("tlh")
    assert all(map(is_identified, ["en", "de-AT", "nb", "zh_Hans", "lb"]))


@needs_py3langid
def test_only_candidates_are_found() -> None:
    assert identify("Ein Mann fährt auf einem Fahrrad.", {"en", "fr"}).language in ("en", "fr")
    assert identify("", {"en"}).confidence == 1


@needs_py3langid
def test_the_beginning_of_a_long_text_decides() -> None:
    text = "Der Hund läuft über die Straße. " * 100 + "The dog runs. " * 1000
    found = other_language(text, "en")
    assert found is not None
    assert found.language == "de"


@needs_py3langid
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("multi30k/train", "en", "de"),
        ("multi30k/train", "de", "en"),
        ("multi30k/train", "fr", "en"),
        ("news-en-de/train", "en", "de"),
        ("news-en-de/train", "de", "en"),
        ("tatoeba-en-de/train", "en", "de"),
        ("tatoeba-en-de/train", "de", "en"),
    ],
)
def test_false_alarms_are_rare_and_other_languages_are_found(
    shared_data: Path, name: str, right: str, wrong: str
) -> None:
    lines = (shared_data / f"{name}.{right}").read_text(encoding="utf-8").split("\n")
    lines = random.Random(1).sample([line for line in lines if line.strip()], 400)
    assert sum(other_language(line, right) is not None for line in lines) <= 0.005 * len(lines)
    longer = [line for line in lines if len(line.split()) >= 5]
    found = [other_language(line, wrong) for line in longer]
    assert sum(other is not None for other in found) >= 0.95 * len(longer)


def test_without_py3langid_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    identification._loaded.cache_clear()
    try:
        with pytest.raises(OctavoError, match=r'pip install "octavo\[detect\]"'):
            identify("Ein Mann fährt Rad.")
    finally:
        identification._loaded.cache_clear()


@needs_py3langid
def test_threads_that_need_the_model_at_once_load_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from py3langid.langid import LanguageIdentifier

    loads = []
    from_model_file = LanguageIdentifier.from_model_file

    def slowly(*arguments: object, **named: object) -> object:
        loads.append(1)
        time.sleep(0.1)
        return from_model_file(*arguments, **named)

    monkeypatch.setattr(LanguageIdentifier, "from_model_file", slowly)
    identification._loaded.cache_clear()
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(identify, ["The children are playing with their dog in the garden."] * 8))
    assert len(loads) == 1 and {one.language for one in found} == {"en"}
