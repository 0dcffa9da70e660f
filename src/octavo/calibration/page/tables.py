"""The report's tables: float32 products, techniques, sentences, and how all was measured."""

from __future__ import annotations

import difflib
from typing import Final
from xml.etree.ElementTree import Element

from octavo.calibration.measure.dev_text import METRIC_NAMES
from octavo.calibration.page.markup import (
    Child,
    code,
    details,
    duration,
    element,
    facts,
    number,
    percent,
    section,
    significant,
    table,
)
from octavo.calibration.report.data import FloatProduct, GateStep, QualityReport, SentenceChange, Speed

_MOST_LISTED: Final = 12


def float_section(report: QualityReport) -> Element:
    """What stayed in float32, why, and what that costs."""
    title = "What stays in float32"
    if not report.float_products:
        return section(title, element("p", "Nothing: every product runs in int8."), *_gate(report))
    reasons: dict[str, list[FloatProduct]] = {}
    for product in report.float_products:
        reasons.setdefault(product.reason, []).append(product)
    children: list[Child] = [element("p", _cost(report.float_products, report.speed))]
    for reason, products in reasons.items():
        share = percent(sum(product.work_share for product in products))
        heading = element("h3", f"{_count(len(products), 'product')}, {share} of the work")
        names = element("ul", *(element("li", code(p.product)) for p in products), kind="names")
        listed = names if len(products) <= _MOST_LISTED else details("Which", names)
        children += [heading, element("p", f"Reason: {reason}"), listed]
    return section(title, *children, *_gate(report))


def _cost(products: tuple[FloatProduct, ...], speed: Speed) -> str:
    share = percent(sum(product.work_share for product in products))
    found = f"{_count(len(products), 'product')} with {share} of the model's multiply-accumulates."
    if speed.before and speed.after:
        change = speed.after / speed.before - 1
        found += (
            f" Speed with those that the gate left: {number(speed.after, 0)} tokens/s; without them "
            f"{number(speed.before, 0)} ({number(change * 100, 1)} %)."
        )
    if speed.float32:
        found += f" All in float32: {number(speed.float32, 0)} tokens/s."
    return found


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _gate(report: QualityReport) -> list[Element]:
    if not report.steps:
        return []
    metric = METRIC_NAMES[report.verdict.metric]
    head = ["Step", "Products moved", "In float32 after it", f"{metric} lost", "Budget"]
    rows = (
        [
            element("span", step.action, kind="name"),
            _changed(step),
            str(step.float32),
            number(step.drop),
            "held" if step.held else "exceeded",
        ]
        for step in report.steps
    )
    return [details(f"The gate's {_count(len(report.steps), 'measurement')}", table(head, rows, 2))]


def _changed(step: GateStep) -> Child:
    if not step.changed:
        return "none"
    if len(step.changed) > _MOST_LISTED:
        return f"{len(step.changed)} products"
    names: list[Child] = []
    for product in step.changed:
        names += [", ", code(product)] if names else [code(product)]
    return element("span", *names)


def technique_section(report: QualityReport) -> Element | None:
    """What was tried on the float32 model before it was quantized."""
    if not report.techniques:
        return None
    rows = (
        [t.name, "kept" if t.kept else "not kept", significant(t.before), significant(t.after)]
        for t in report.techniques
    )
    note = "Each was kept only where it clearly lowers the KL of all products in int8 on held-out sentences."
    head = ["Technique", "", "KL before", "KL after"]
    return section("Techniques tried", element("p", note, kind="soft"), table(head, rows, 2))


def sentence_section(report: QualityReport) -> Element | None:
    """The sentences that lose most, side by side."""
    if not report.worst_sentences:
        return None
    metric = METRIC_NAMES[report.verdict.metric]
    note = (
        f"The sentences of the dev set whose {metric} falls most, so the worst that happens, not what is "
        "usual. Differing words are marked."
    )
    pairs = (_sentence(change) for change in report.worst_sentences)
    return section("Worst sentences", element("p", note, kind="soft"), *pairs)


def _sentence(change: SentenceChange) -> Element:
    before, after = marked_words(change.float32, change.int8)
    return element(
        "div",
        element("p", change.source),
        element("p", "Reference: ", change.reference, kind="soft small"),
        element(
            "div",
            _output(f"float32, {number(change.float32_score, 1)}", before),
            _output(f"int8, {number(change.int8_score, 1)}", after),
            kind="pair",
        ),
        kind="sentence",
    )


def _output(title: str, words: list[Child]) -> Element:
    return element("div", element("h3", title), *(words or [element("span", "(nothing)", kind="soft")]))


def marked_words(before: str, after: str) -> tuple[list[Child], list[Child]]:
    """Both texts, runs of words that the other has not, or has elsewhere, in ``mark`` elements."""
    old, new = before.split(), after.split()
    left: list[Child] = []
    right: list[Child] = []
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        for target, words in ((left, old[i1:i2]), (right, new[j1:j2])):
            if words:
                text = " ".join(words)
                target += [text if kind == "equal" else element("mark", text), " "]
    return left, right


def measurement_section(report: QualityReport) -> Element:
    """Texts, settings, machine."""
    settings, verdict, run = report.calibration, report.verdict, report.run
    pairs: list[tuple[str, Child]] = [
        ("Method", f"{settings.method}, coverage {settings.coverage}, {settings.activations} activations"),
        ("Scales", settings.granularity),
        ("Calibration", f"{settings.sentences:,} sentences"),
        ("Dev set", f"{verdict.sentences:,} sentences"),
        ("Score", element("code", verdict.signature)),
        ("Interval and p", f"paired bootstrap over sentences, {verdict.resamples:,} resamples"),
        ("Version", f"Octavo {run.octavo_version}"),
        ("Machine", f"{run.machine}; {run.isa}; {_count(run.threads, 'thread')}"),
        ("Date", run.date),
    ]
    children: list[Child] = [facts(pairs)]
    rows: list[list[Child]]
    if settings.files:
        rows = [
            [
                file.role,
                file.name,
                f"{file.lines:,}",
                element("code", file.sha256[:16], attributes={"title": file.sha256}),
            ]
            for file in settings.files
        ]
        children.append(table(["Text", "File", "Lines", "SHA-256 (start)"], rows, 2))
    if run.stages:
        rows = [[stage.name, duration(stage.seconds)] for stage in run.stages]
        children.append(details("Time taken by each stage", table(["Stage", "Time"], rows, 1)))
    return section("How it was measured", *children)
