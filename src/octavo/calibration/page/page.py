"""The quality report as one page of HTML: no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from importlib import resources
from xml.etree.ElementTree import Element

from octavo.calibration.measure.dev_text import METRIC_NAMES
from octavo.calibration.page.markup import (
    Child,
    element,
    megabytes,
    number,
    page_text,
    percent,
    probability,
    section,
    table,
)
from octavo.calibration.page.plots import interval_picture
from octavo.calibration.page.tables import (
    float_section,
    measurement_section,
    sentence_section,
    technique_section,
)
from octavo.calibration.page.tensors import histogram_section, sensitivity_section
from octavo.calibration.report.data import ConfigurationResult, Drop, QualityReport


def render(report: QualityReport) -> str:
    """The page, whole: to be written as UTF-8. Parts of which nothing was measured are left out."""
    model = report.model
    title = f"Quantization of {model.name}"
    head = element(
        "head",
        element("meta", attributes={"charset": "utf-8"}),
        element("meta", attributes={"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("title", title),
        element("style", resources.files(__package__).joinpath("report.css").read_text(encoding="utf-8")),
    )
    languages = f"{model.source_language} → {model.target_language}"
    heading = element("h1", title, " ", element("span", languages, kind="soft"))
    parts = [
        _verdict(report),
        _configuration_section(report),
        sensitivity_section(report),
        histogram_section(report),
        float_section(report),
        technique_section(report),
        sentence_section(report),
        measurement_section(report),
    ]
    main = element("main", *(part for part in parts if part is not None))
    body = element("body", element("header", heading), main)
    return page_text(element("html", head, body, attributes={"lang": "en"}))


def _verdict(report: QualityReport) -> Element:
    verdict = report.verdict
    metric = METRIC_NAMES[verdict.metric]
    before, after = (scores.score(verdict.metric) for scores in (verdict.float32, verdict.int8))
    drop = verdict.drop
    sentence = element(
        "p",
        element("strong", "Within budget:"),
        f" {change_in_words(drop.points, metric)}, from {number(before)} to {number(after)} (95 % confidence "
        f"interval of the loss: {number(drop.low)} to {number(drop.high)}). The budget is "
        f"{number(verdict.budget)}.",
        kind="verdict",
    )
    children: list[Child] = [sentence, element("p", _significance(drop, verdict.sentences), kind="soft")]
    children += [interval_picture(drop, verdict.budget), _tiles(report)]
    return element("div", *children)


def change_in_words(points: float, metric: str) -> str:
    """What int8 does to the score."""
    if not float(f"{points:.2f}"):
        return f"int8 scores as float32 does, to 0.01 {metric}"
    verb, amount = ("loses", points) if points > 0 else ("gains", -points)
    return f"int8 {verb} {number(amount)} {metric}"


def _significance(drop: Drop, sentences: int) -> str:
    p = probability(drop.p_value)
    tested = f"(paired bootstrap, p {p})"
    if drop.p_value <= 0.05:
        return f"The difference on {sentences:,} sentences is significant {tested}."
    return f"On {sentences:,} sentences the difference from float32 cannot be told from chance {tested}."


def _tiles(report: QualityReport) -> Element:
    model, verdict, speed = report.model, report.verdict, report.speed
    int8 = model.products - len(report.float_products)
    tiles = [
        (f"{int8} of {model.products}", "products run in int8"),
        (
            f"{megabytes(model.float32_bytes)} → {megabytes(model.int8_bytes)}",
            f"of tensors, {number(model.float32_bytes / max(model.int8_bytes, 1), 1)} times smaller",
        ),
        (
            f"{number(verdict.float32.length_ratio, 3)} → {number(verdict.int8.length_ratio, 3)}",
            "length of translations over references",
        ),
        (
            f"{percent(verdict.float32.complete_share)} → {percent(verdict.int8.complete_share)}",
            "of translations end by themselves",
        ),
    ]
    if speed.after and speed.float32:
        tokens = f"{number(speed.float32, 0)} → {number(speed.after, 0)} tokens/s"
        tiles.append((f"{number(speed.after / speed.float32)} times as fast", tokens))
    boxes = (element("div", element("b", value), element("span", what)) for value, what in tiles)
    return element("div", *boxes, kind="tiles")


def _configuration_section(report: QualityReport) -> Element | None:
    if not report.configurations:
        return None
    verdict = report.verdict
    metric = METRIC_NAMES[verdict.metric]
    head = ["Method", "Coverage", "Activations", f"{metric} lost", "95 % interval", "p", "BLEU", "chrF"]
    head += ["Length", "Ended", "In int8", "Size"]
    rows = [
        _float32_row(report),
        *(_configuration_row(c, report.model.products) for c in report.configurations),
    ]
    chosen = next(
        (i for i, configuration in enumerate(report.configurations, 1) if configuration.chosen), None
    )
    note = (
        "The dev set by each way to quantize, before any product is left in float32 to keep the budget. "
        f"{metric} lost is against float32, negative where int8 is better. In bold: the way that was taken."
    )
    return section("Ways to quantize", element("p", note, kind="soft"), table(head, rows, 3, chosen))


def _float32_row(report: QualityReport) -> list[Child]:
    scores = report.verdict.float32
    found: list[Child] = ["float32", "", "", "", "", "", number(scores.bleu), number(scores.chrf)]
    size = megabytes(report.model.float32_bytes)
    return [*found, number(scores.length_ratio, 3), percent(scores.complete_share), "0", size]


def _configuration_row(configuration: ConfigurationResult, products: int) -> list[Child]:
    scores, drop = configuration.scores, configuration.drop
    return [
        *(
            element("span", configuration.method, kind="name"),
            configuration.coverage,
            configuration.activations,
        ),
        *(number(drop.points), f"{number(drop.low)} to {number(drop.high)}"),
        probability(drop.p_value).removeprefix("= "),
        *(number(scores.bleu), number(scores.chrf)),
        *(number(scores.length_ratio, 3), percent(scores.complete_share)),
        f"{configuration.int8_products} of {products}",
        megabytes(configuration.size_bytes),
    ]
