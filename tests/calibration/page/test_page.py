"""The quality report: its data survive JSON, and its page is whole, safe and self-contained."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.calibration.page.example_report import KEPT, example_config, example_report

from octavo.calibration.errors import CalibrationError
from octavo.calibration.measure.dev_text import Scores
from octavo.calibration.page.markup import element, number, page_text, significant
from octavo.calibration.page.page import change_in_words, render
from octavo.calibration.page.tables import marked_words
from octavo.calibration.report.bars import Bars
from octavo.calibration.report.data import Drop, QualityReport, Speed
from octavo.model.architecture import products
from octavo.quantization.observers import SiteStatistics

VOID = {"meta", "wbr"}


@pytest.fixture(scope="module")
def base() -> QualityReport:
    return example_report()


@pytest.fixture(scope="module")
def small() -> QualityReport:
    return example_report(1)


class Page(HTMLParser):
    """Checks that tags nest; gathers text, elements and every attribute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.texts))


def test_data_survive_json(small: QualityReport) -> None:
    text = json.dumps(small.to_dict(), allow_nan=False).encode("utf-8", "surrogatepass")
    assert QualityReport.from_dict(json.loads(text)) == small


def test_what_is_no_report_is_named(small: QualityReport) -> None:
    values = small.to_dict()
    values["verdict"]["drop"]["points"] = "much"
    with pytest.raises(CalibrationError, match=r"verdict\.drop\.points"):
        QualityReport.from_dict(values)


def test_a_model_directory_keeps_little(base: QualityReport) -> None:
    compact = base.compact()
    assert all(len(site.bars.counts) <= 64 for site in compact.sites)
    for before, after in zip(base.sites, compact.sites, strict=True):
        assert sum(after.bars.counts) == sum(before.bars.counts)
    assert len(json.dumps(compact.to_dict())) < 300_000
    assert compact.verdict == base.verdict


@pytest.mark.parametrize("shape", ["both signs", "positive", "negative", "lopsided", "constant", "zeros"])
def test_bars_count_every_number_in_its_place(shape: str) -> None:
    normal = np.random.default_rng(1).normal(0, 3, 5000).astype(np.float32)
    values = {
        "both signs": normal,
        "positive": np.abs(normal),
        "negative": -np.abs(normal),
        "lopsided": np.array([-3e-5, 1, 100], np.float32),
        "constant": np.full(7, -2, np.float32),
        "zeros": np.zeros(7, np.float32),
    }[shape]
    statistics = SiteStatistics("x", 0)
    statistics.add(values)
    bars = Bars.of(statistics)
    assert 1 <= len(bars.counts) <= 256
    width = (bars.high - bars.low) / len(bars.counts)
    assert width > 0
    nonzero = values[values != 0]
    assert sum(bars.counts) == len(nonzero)
    if len(nonzero):
        assert bars.low <= min(nonzero.min(), 0) <= bars.low + width + 1e-9  # bars always reach 0
        assert bars.high - width - 1e-9 <= max(nonzero.max(), 0) <= bars.high
    bins = bars.low + width * np.arange(len(bars.counts) + 1)
    for edge in bins[:: max(1, len(bins) // 9)]:
        below = sum(count for count, high in zip(bars.counts, bins[1:], strict=True) if high <= edge + 1e-12)
        assert below == np.count_nonzero(nonzero < edge)


@pytest.mark.parametrize("layers", [1, 6])
def test_the_page_is_whole_and_stands_alone(layers: int, base: QualityReport, small: QualityReport) -> None:
    report = base if layers == 6 else small
    start = time.perf_counter()
    page = render(report)
    assert time.perf_counter() - start < 20
    assert len(page.encode()) < 3_000_000
    found = Page(page)
    assert not {"script", "link", "img", "iframe", "object"} & set(found.elements)
    assert not {key for key, _ in found.attributes} & {"src", "href", "srcset", "action"}
    assert "url(" not in page
    assert "@import" not in page
    assert "://" not in page
    for product in products(example_config(layers)):
        assert product.name.rsplit(".", 1)[-1] in found.text
    assert found.elements.count("figure") == len(report.sites)


def test_the_base_model_has_133_products(base: QualityReport) -> None:
    text = Page(render(base)).text
    assert "131 of 133" in text
    assert "All 133 products" in text
    for name in KEPT:
        assert name in text
    assert "2,330 tokens/s; without them 2,410 (\N{MINUS SIGN}3.3 %)" in text


def test_the_verdict_comes_first(base: QualityReport) -> None:
    text = Page(render(base)).text
    verdict = (
        "Within budget: int8 loses 0.06 BLEU, from 39.71 to 39.65 "
        "(95 % confidence interval of the loss: \N{MINUS SIGN}0.11 to 0.23). The budget is 0.10."
    )
    assert 0 < text.find(verdict) < text.find("Ways to quantize")
    assert "cannot be told from chance (paired bootstrap, p = 0.472)" in text


def test_a_significant_loss_is_called_so(small: QualityReport) -> None:
    verdict = dataclasses.replace(
        small.verdict, budget=3.0, drop=Drop(2.3, 1.9, 2.8, 0.0), int8=Scores(37.4, 60.0, 1.2, 0.9)
    )
    text = Page(render(dataclasses.replace(small, verdict=verdict))).text
    assert "Within budget: int8 loses 2.30 BLEU" in text
    assert "is significant (paired bootstrap, p < 0.001)" in text


def test_what_was_not_measured_is_left_out(small: QualityReport) -> None:
    bare = QualityReport(small.model, small.calibration, small.verdict, small.run, speed=Speed())
    text = Page(render(bare)).text
    assert "Nothing: every product runs in int8." in text
    for title in ("Ways to quantize", "How sensitive", "Techniques", "Worst sentences", "tokens/s"):
        assert title not in text


def test_text_is_escaped_and_cleaned(small: QualityReport) -> None:
    page = render(small)
    assert "<script" not in page
    assert "&lt;script&gt;alert('x')&lt;/script&gt;" in page
    assert "Tags such as <b> & <script>alert('x')</script> are text." in Page(page).text
    assert "\x00" not in page
    page.encode("utf-8")  # no lone surrogate is left


def test_names_cannot_break_out_of_attributes(small: QualityReport) -> None:
    evil = '"><script>alert(1)</script>'
    sites = (dataclasses.replace(small.sites[0], site=evil),)
    files = (dataclasses.replace(small.calibration.files[0], name=evil, sha256=evil),)
    calibration = dataclasses.replace(small.calibration, files=files)
    page = render(
        dataclasses.replace(
            small, sites=sites, calibration=calibration, model=dataclasses.replace(small.model, name=evil)
        )
    )
    assert "script" not in Page(page).elements


def test_an_element_keeps_text_in_order() -> None:
    root = element("p", "a", element("b", "<"), "c", "&", attributes={"title": '"'})
    assert page_text(root) == '<!doctype html>\n<p title="&quot;">a<b>&lt;</b>c&amp;</p>\n'


def test_differing_words_are_marked() -> None:
    before, after = marked_words("ein roter Hund läuft", "ein Hund läuft dort")
    assert [part if isinstance(part, str) else f"[{part.text}]" for part in before] == [
        *("ein", " ", "[roter]", " ", "Hund läuft", " ")
    ]
    assert [part if isinstance(part, str) else f"[{part.text}]" for part in after] == [
        *("ein", " ", "Hund läuft", " ", "[dort]", " ")
    ]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (0.061, "int8 loses 0.06 BLEU"),
        (-0.2, "int8 gains 0.20 BLEU"),
        (-0.001, "int8 scores as float32 does, to 0.01 BLEU"),
    ],
)
def test_a_change_in_words(points: float, words: str) -> None:
    assert change_in_words(points, "BLEU") == words


def test_numbers_as_people_write_them() -> None:
    assert number(-0.001) == "0.00"
    assert number(-12345.678) == "\N{MINUS SIGN}12,345.68"
    assert significant(0) == "0"
    assert significant(0.00123) == "0.00123"
    assert significant(1234.4) == "1,234"
    assert significant(-2.5e-9, 2) == "\N{MINUS SIGN}2.5 · 10⁻⁹"


def test_odd_figures_are_drawn(small: QualityReport) -> None:
    bars = Bars(0.0, 1e-30, (0,))
    site = dataclasses.replace(small.sites[0], bars=bars, ranges=(), zero_share=1.0)
    verdict = dataclasses.replace(small.verdict, budget=0.0, drop=Drop(0.0, 0.0, 0.0, 1.0))
    nothing = tuple(dataclasses.replace(s, alone=0.0, won=-1e-6) for s in small.sensitivity)
    page = render(dataclasses.replace(small, sites=(site,), verdict=verdict, sensitivity=nothing))
    assert "nan" not in page.lower()


def test_a_tensor_without_a_range_says_why(small: QualityReport) -> None:
    weights = next(site for site in small.sites if site.site.endswith(".weights"))
    hidden = next(site for site in small.sites if site.site.endswith("decoder.layers.0.feed_forward.hidden"))
    kept = dataclasses.replace(small.float_products[0], product="decoder.layers.0.feed_forward.outer")
    for float_products, words in (((), "one scale per token"), ((kept,), "read in float32")):
        sites = (weights, dataclasses.replace(hidden, ranges=()))
        text = Page(render(dataclasses.replace(small, sites=sites, float_products=float_products))).text
        assert "range 0 to 1, always" in text
        assert words in text
